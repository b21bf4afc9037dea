import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import NoSuchMessage
from bridge.maildrop import Listing, Maildrop, MessageEntry
from bridge.names import MessageNumber, Octets, SpoolId, UniqueId


def entry(number: int, octets: int) -> MessageEntry:
    return MessageEntry(SpoolId(number * 10), UniqueId(f"uid-{number}"), Octets(octets))


def maildrop(*octets: int) -> Maildrop:
    return Maildrop(Listing.of([entry(n, size) for n, size in enumerate(octets, 1)]))


def number(value: int) -> MessageNumber:
    return MessageNumber(value)


def test_an_empty_maildrop_holds_nothing() -> None:
    drop = maildrop()
    assert drop.drop_listing() == (0, 0)
    assert list(drop.unmarked()) == []
    assert drop.marked() == ()


def test_messages_are_numbered_from_one_in_listing_order() -> None:
    """RFC 1939 section 4."""
    drop = maildrop(120, 200)
    assert list(drop.unmarked()) == [(1, entry(1, 120)), (2, entry(2, 200))]
    assert drop.entry(number(2)) == entry(2, 200)


@pytest.mark.parametrize("value", [-1, 0, 3, 2**64])
def test_a_number_outside_the_listing_names_nothing(value: int) -> None:
    drop = maildrop(120, 200)
    with pytest.raises(NoSuchMessage, match="only 2"):
        drop.entry(number(value))
    with pytest.raises(NoSuchMessage):
        drop.mark(number(value))
    assert drop.marked() == ()
    assert drop.drop_listing() == (2, 320)


def test_a_marked_message_is_not_there_and_no_number_shifts() -> None:
    """RFC 1939 section 5."""
    drop = maildrop(120, 200, 300)
    drop.mark(number(2))
    assert drop.drop_listing() == (2, 420)
    assert [n for n, _ in drop.unmarked()] == [1, 3]
    with pytest.raises(NoSuchMessage, match="marked"):
        drop.entry(number(2))
    assert drop.entry(number(3)).octets == 300


def test_a_session_in_utf8_sees_what_came_with_its_own_octets() -> None:
    """RFC 6856 section 2.1; unique-ids stay, or a message would be printed twice."""
    came = MessageEntry(SpoolId(1), UniqueId("uid-1"), Octets(120), Octets(100))
    listing = Listing.of([came, entry(2, 200)])
    drop, plain = Maildrop(listing), Maildrop(listing)
    drop.use_utf8()
    assert drop.drop_listing() == (2, 300)
    shown = drop.entry(number(1))
    assert (shown.octets, shown.is_utf8) == (100, True)
    assert (shown.unique_id, shown.spool_id) == ("uid-1", 1)
    assert drop.entry(number(2)) == entry(2, 200)
    drop.mark(number(1))
    assert drop.drop_listing() == (1, 200)
    assert drop.marked() == (1,)
    assert plain.drop_listing() == (2, 320)
    assert not plain.entry(number(1)).is_utf8
    assert Listing.of([entry(2, 200)]).in_utf8().entries == (entry(2, 200),)


def test_marking_twice_is_refused_and_counts_once() -> None:
    drop = maildrop(120, 200)
    drop.mark(number(1))
    with pytest.raises(NoSuchMessage):
        drop.mark(number(1))
    assert drop.drop_listing() == (1, 200)


def test_quit_removes_what_is_marked_in_listing_order() -> None:
    drop = maildrop(*range(20))
    for value in (16, 3, 8, 1):
        drop.mark(number(value))
    assert drop.marked() == (10, 30, 80, 160)


def test_unmarking_brings_every_message_back() -> None:
    drop = maildrop(120, 200)
    drop.mark(number(1))
    drop.mark(number(2))
    drop.unmark_all()
    assert drop.drop_listing() == (2, 320)
    assert drop.marked() == ()
    assert drop.entry(number(1)).octets == 120


def test_octets_add_up_beyond_four_gib() -> None:
    drop = maildrop(2**32, 2**31)
    assert drop.drop_listing() == (2, 2**32 + 2**31)


def test_two_sessions_of_one_listing_do_not_see_each_other_s_marks() -> None:
    shared = Listing.of([entry(1, 120)])
    first, second = Maildrop(shared), Maildrop(shared)
    first.mark(number(1))
    assert second.drop_listing() == (1, 120)
    assert second.entry(number(1)) == entry(1, 120)


@given(st.lists(st.integers(0, 10**6), max_size=8), st.lists(st.integers(1, 9), max_size=20))
def test_the_drop_listing_is_the_sum_of_what_is_unmarked(
    sizes: list[int], marks: list[int]
) -> None:
    drop = maildrop(*sizes)
    for value in marks:
        try:
            drop.mark(number(value))
        except NoSuchMessage:
            assert value > len(sizes) or value * 10 in drop.marked()
    left = [item.octets for _, item in drop.unmarked()]
    assert drop.drop_listing() == (len(left), sum(left))
    assert len(left) + len(drop.marked()) == len(sizes)
