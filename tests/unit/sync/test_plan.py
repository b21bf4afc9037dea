import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.storage.messages import MessageState
from bridge.sync.plan import Look, mint_unique_id
from providers.contract import ChangePage, Cursor, RemoteId, RemoteMessage

FORGETTABLE = {
    MessageState.ANNOUNCED,
    MessageState.READY,
    MessageState.QUARANTINED,
    MessageState.HELD,
}


def page(
    added: str = "", removed: str = "", *, full: bool = False, last: bool = True
) -> ChangePage:
    return ChangePage(
        tuple(RemoteMessage(RemoteId(name), f"key-{name}") for name in added),
        tuple(RemoteId(name) for name in removed),
        Cursor("next") if last else None,
        full=full,
        last=last,
    )


def plan(look: Look, change: ChangePage) -> tuple[str, str]:
    found = look.take(change)
    return "".join(a.remote_id for a in found.announce), "".join(found.forget)


def known(**states: str) -> Look:
    return Look({RemoteId(name): MessageState(state) for name, state in states.items()})


def test_what_is_new_is_announced_under_an_id_of_its_own() -> None:
    (announcement,) = known().take(page("a")).announce
    assert (announcement.remote_id, announcement.sort_key) == ("a", "key-a")
    assert announcement.unique_id == mint_unique_id(RemoteId("a"))


@pytest.mark.parametrize("state", MessageState)
@pytest.mark.parametrize("full", [False, True])
def test_what_is_known_is_announced_again_only_if_it_had_vanished(
    state: MessageState, *, full: bool
) -> None:
    announced, forgotten = plan(known(a=state), page("a", full=full))
    assert announced == ("a" if state is MessageState.VANISHED else "")
    assert forgotten == ""


@pytest.mark.parametrize("state", MessageState)
def test_what_is_removed_is_forgotten_unless_it_is_a_tombstone(state: MessageState) -> None:
    assert plan(known(a=state), page(removed="a")) == ("", "a" if state in FORGETTABLE else "")


@pytest.mark.parametrize("state", MessageState)
def test_what_a_full_list_does_not_name_is_gone(state: MessageState) -> None:
    assert plan(known(a=state), page(full=True)) == ("", "a" if state in FORGETTABLE else "")


def test_a_full_list_is_held_against_all_its_pages() -> None:
    look = known(a="ready", b="ready", c="ready")
    assert plan(look, page("a", full=True, last=False)) == ("", "")
    assert plan(look, page("c", full=True, last=True)) == ("", "b")


def test_what_is_not_named_in_a_page_of_changes_stays() -> None:
    assert plan(known(a="ready"), page("b")) == ("b", "")


def test_the_removal_of_what_was_never_known_is_nothing() -> None:
    assert plan(known(), page(removed="a")) == ("", "")


def test_what_came_and_went_within_one_look_is_forgotten() -> None:
    look = known()
    assert plan(look, page("a", last=False)) == ("a", "")
    assert plan(look, page(removed="a")) == ("", "a")


def test_what_went_and_came_back_within_one_look_is_announced_again() -> None:
    look = known(a="ready")
    assert plan(look, page(removed="a", last=False)) == ("", "a")
    assert plan(look, page("a")) == ("a", "")


@pytest.mark.parametrize("before", ["ready", "vanished"])
def test_what_comes_and_goes_on_one_page_is_kept_until_a_fetch_tells(before: str) -> None:
    announced, forgotten = plan(known(a=before), page("a", removed="a"))
    assert announced == ("a" if before == "vanished" else "")
    assert forgotten == ""


def test_a_page_that_is_told_twice_changes_nothing_more() -> None:
    look = known(b="ready")
    assert plan(look, page("a", "b", last=False)) == ("a", "b")
    assert plan(look, page("a", "b")) == ("", "")


@attrs.define
class Model:
    """What a maildrop holds after carrying plans out, by the spool's own rules."""

    states: dict[RemoteId, MessageState]

    def carry_out(self, look: Look, change: ChangePage) -> None:
        found = look.take(change)
        for announcement in found.announce:
            if self.states.get(announcement.remote_id) in (None, MessageState.VANISHED):
                self.states[announcement.remote_id] = MessageState.ANNOUNCED
        for remote_id in found.forget:
            if self.states.get(remote_id) in FORGETTABLE:
                self.states[remote_id] = MessageState.VANISHED

    def listable(self) -> set[RemoteId]:
        return {remote_id for remote_id, state in self.states.items() if state in FORGETTABLE}

    def tombstones(self) -> set[RemoteId]:
        ends = {MessageState.EXPUNGED, MessageState.DISPOSED}
        return {remote_id for remote_id, state in self.states.items() if state in ends}


ids = st.sampled_from("abcdef")
states = st.dictionaries(
    ids.map(RemoteId),
    st.sampled_from([one for one in MessageState if one is not MessageState.GONE]),
)
changes = st.lists(st.tuples(st.booleans(), ids), max_size=12)


@given(states, changes)
def test_any_order_of_coming_and_going_ends_with_what_is_there(
    before: dict[RemoteId, MessageState], events: list[tuple[bool, str]]
) -> None:
    model = Model(dict(before))
    tombstones = model.tombstones()
    there = model.listable()
    look = Look(before)
    for came, name in events:
        model.carry_out(look, page(name if came else "", "" if came else name, last=False))
        (there.add if came else there.discard)(RemoteId(name))
    assert model.listable() == there - tombstones
    assert model.tombstones() == tombstones


@given(states, st.lists(st.frozensets(ids, max_size=4), min_size=1, max_size=4))
def test_a_full_list_in_any_pages_ends_with_what_it_names(
    before: dict[RemoteId, MessageState], pages: list[frozenset[str]]
) -> None:
    model = Model(dict(before))
    tombstones = model.tombstones()
    look = Look(before)
    for names in pages:
        is_last = names is pages[-1]
        model.carry_out(look, page("".join(sorted(names)), full=True, last=is_last))
    named = {RemoteId(name) for names in pages for name in names}
    assert model.listable() == named - tombstones
    assert model.tombstones() == tombstones


# ---- unique-ids


@given(st.text())
def test_a_unique_id_is_what_uidl_may_answer(remote_id: str) -> None:
    """RFC 1939 section 7: 1 to 70 characters in the range 0x21 to 0x7E."""
    minted = mint_unique_id(RemoteId(remote_id))
    assert 1 <= len(minted) <= 70
    assert all(0x21 <= ord(character) <= 0x7E for character in minted)


@given(st.text(), st.text())
def test_unique_ids_differ_where_remote_ids_do(one: str, other: str) -> None:
    same = mint_unique_id(RemoteId(one)) == mint_unique_id(RemoteId(other))
    assert same == (one == other)


def test_a_unique_id_never_changes_between_releases() -> None:
    """Changing it makes every device print everything anew."""
    assert mint_unique_id(RemoteId("message-1")) == "1L5ENNLVRNUHTNLGHA3TKJIKPXQ6LP43F"
