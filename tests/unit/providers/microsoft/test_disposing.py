import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import DispositionKind
from providers.microsoft.batch import Part, PartAnswer
from tests.unit.providers.microsoft.batched import (
    ALL,
    DONE,
    PATH,
    REFUSED,
    RETRY,
    Message,
    answering,
    dispose,
    disposing_in,
    failed,
    mailbox_of,
    order,
)

LOOK = "?$select=parentFolderId,categories"


# ---- each kind


@pytest.mark.parametrize(
    ("disposition", "after"),
    [
        ("keep", Message()),
        ("trash", Message("id-deleteditems")),
        ("archive", Message("id-archive")),
        ("mark-read", Message(is_read=True)),
        ("label:Printed", Message(categories=["Printed"])),
        ("purge", None),
    ],
)
async def test_an_order_does_what_its_kind_says_and_no_more(
    disposition: str, after: Message | None
) -> None:
    mailbox = mailbox_of("A", "B")
    assert await dispose(mailbox, order("A", disposition)) == [DONE]
    assert mailbox.messages.get("A") == after
    assert mailbox.messages["B"] == Message()


async def test_a_move_goes_to_a_folder_that_is_there() -> None:
    mailbox = mailbox_of("A")
    mailbox.folders["Done/2026"] = "id-done"
    assert await dispose(mailbox, order("A", "move:Done/2026")) == [DONE]
    assert mailbox.messages["A"].folder == "id-done"


async def test_the_folder_of_a_move_is_made_where_it_is_missing() -> None:
    mailbox = mailbox_of("A", "B")
    assert (
        await dispose(mailbox, order("A", "move:Done"), order("B", "move:Done")) == [DONE] * 2
    )
    made = mailbox.folders["Done"]
    assert [one.folder for one in mailbox.messages.values()] == [made, made]


async def test_no_folder_is_made_for_messages_that_are_not_moved() -> None:
    mailbox = mailbox_of("B")
    mailbox.messages["B"].folder = "id-archive"
    await dispose(mailbox, order("A", "move:Done"), order("B", "move:Done"))
    assert "Done" not in mailbox.folders


async def test_keeping_needs_no_request() -> None:
    mailbox = mailbox_of("A")
    assert await dispose(mailbox, order("A", "keep")) == [DONE]
    assert mailbox.batches == []


async def test_no_orders_need_no_request() -> None:
    mailbox = mailbox_of("A")
    assert await dispose(mailbox) == []
    assert mailbox.batches == []


async def test_a_kind_the_mailbox_cannot_do_is_refused_unasked() -> None:
    mailbox = mailbox_of("A", "B")
    orders = [order("A", "purge"), order("B", "mark-read"), order("A", "trash")]
    can = frozenset({DispositionKind.KEEP, DispositionKind.MARK_READ})
    assert await disposing_in(mailbox).carry_out(orders, can) == [REFUSED, DONE, REFUSED]
    assert mailbox.messages == {"A": Message(), "B": Message(is_read=True)}
    assert {part.path.split("?")[0] for batch in mailbox.batches for part in batch} == {
        f"{PATH}/messages/B"
    }


async def test_an_id_is_one_segment_of_a_path() -> None:
    mailbox = mailbox_of("AA/+=?#")
    assert await dispose(mailbox, order("AA/+=?#", "trash")) == [DONE]
    assert [part.path for batch in mailbox.batches for part in batch] == [
        f"{PATH}/messages/AA%2F%2B%3D%3F%23{LOOK}",
        f"{PATH}/messages/AA%2F%2B%3D%3F%23/move",
    ]


# ---- labels


async def test_a_label_joins_those_that_are_there() -> None:
    """A PATCH replaces the whole list."""
    mailbox = mailbox_of("A")
    mailbox.messages["A"].categories = ["Red", "To do"]
    await dispose(mailbox, order("A", "label:Printed"))
    assert mailbox.messages["A"].categories == ["Red", "To do", "Printed"]


async def test_a_label_that_is_there_already_is_not_set_again() -> None:
    mailbox = mailbox_of("A")
    mailbox.messages["A"].categories = ["Printed", "Red"]
    assert await dispose(mailbox, order("A", "label:Printed")) == [DONE]
    assert mailbox.writes == []


@pytest.mark.parametrize("body", [{"parentFolderId": "id-inbox"}, {"categories": []}, [], None])
async def test_of_a_message_of_which_too_little_is_known_nothing_is_changed(
    body: object,
) -> None:
    """A new label would take the place of categories that were not told."""
    mailbox = mailbox_of("A")
    mailbox.fault = answering("GET", PartAnswer(200, {}, body))
    assert await dispose(mailbox, order("A", "label:Printed")) == [RETRY]
    assert mailbox.writes == []


# ---- what is there no more


@pytest.mark.parametrize(
    "disposition", ["trash", "archive", "move:Done", "mark-read", "label:Printed", "purge"]
)
async def test_a_message_that_is_gone_is_disposed_of(disposition: str) -> None:
    mailbox = mailbox_of("B")
    assert await dispose(mailbox, order("A", disposition)) == [DONE]
    assert mailbox.writes == []


@pytest.mark.parametrize("disposition", ["trash", "archive", "move:Done", "purge"])
async def test_a_message_that_left_its_folder_is_left_where_it_is(disposition: str) -> None:
    mailbox = mailbox_of("A")
    mailbox.messages["A"].folder = "id-of-the-owners-choice"
    assert await dispose(mailbox, order("A", disposition)) == [DONE]
    assert mailbox.messages["A"] == Message("id-of-the-owners-choice")
    assert mailbox.writes == []


@pytest.mark.parametrize("disposition", ["trash", "archive", "move:Done", "purge"])
async def test_when_the_folder_itself_went_its_messages_are_left_alone(
    disposition: str,
) -> None:
    mailbox = mailbox_of("A")
    assert await dispose(mailbox, order("A", disposition, "Printing")) == [DONE]
    assert mailbox.writes == []


@pytest.mark.parametrize(
    ("disposition", "folder"),
    [("trash", "deleteditems"), ("archive", "archive"), ("move:inbox", "inbox")],
)
async def test_a_message_that_is_where_it_is_to_go_is_not_moved(
    disposition: str, folder: str
) -> None:
    mailbox = mailbox_of("A")
    mailbox.messages["A"].folder = f"id-{folder}"
    assert await dispose(mailbox, order("A", disposition, folder)) == [DONE]
    assert mailbox.writes == []


@pytest.mark.parametrize(
    ("disposition", "answer"),
    [
        ("purge", failed(404, "ErrorItemNotFound")),
        ("purge", failed(403, "ErrorCannotDeleteObject")),
        ("mark-read", failed(404, "ErrorItemNotFound")),
        ("label:Printed", failed(400, "ErrorInvalidIdMalformed")),
    ],
)
async def test_what_goes_between_the_two_steps_is_done(
    disposition: str, answer: PartAnswer
) -> None:
    mailbox = mailbox_of("A")
    mailbox.fault = lambda part: answer if part.method != "GET" else None
    assert await dispose(mailbox, order("A", disposition)) == [DONE]


async def test_a_move_that_finds_nothing_looks_again_for_the_message() -> None:
    mailbox = mailbox_of("A")
    mailbox.fault = answering("POST", failed(404, "ErrorItemNotFound"))
    assert await dispose(mailbox, order("A", "trash")) == [RETRY]
    del mailbox.messages["A"]
    assert await dispose(mailbox, order("A", "trash")) == [DONE]


async def test_a_move_that_finds_nothing_looks_again_for_the_folder() -> None:
    """It was removed by its owner; the message would else be counted as moved and stay."""
    mailbox = mailbox_of("A", "B")
    disposing = disposing_in(mailbox)
    await disposing.carry_out([order("A", "move:Done")], ALL)
    del mailbox.folders["Done"]
    assert await disposing.carry_out([order("B", "move:Done")], ALL) == [RETRY]
    assert mailbox.messages["B"].folder == "id-inbox"
    assert await disposing.carry_out([order("B", "move:Done")], ALL) == [DONE]
    assert mailbox.messages["B"].folder == mailbox.folders["Done"]


# ---- many


async def test_orders_go_in_batches_of_twenty_in_two_steps() -> None:
    keys = [f"M{number}" for number in range(45)]
    mailbox = mailbox_of(*keys)
    assert await dispose(mailbox, *[order(key, "trash") for key in keys]) == [DONE] * 45
    assert [len(batch) for batch in mailbox.batches] == [20, 20, 20, 20, 5, 5]
    assert {one.folder for one in mailbox.messages.values()} == {"id-deleteditems"}


async def test_outcomes_come_in_the_order_of_the_orders() -> None:
    keys = [f"M{number}" for number in range(30)]
    mailbox = mailbox_of(*keys)
    mailbox.fault = lambda part: (
        failed(503) if part.method == "PATCH" and int(part.path[-1]) % 3 == 0 else None
    )
    outcomes = await dispose(mailbox, *[order(key, "mark-read") for key in keys])
    assert outcomes == [RETRY if int(key[-1]) % 3 == 0 else DONE for key in keys]


async def test_a_batch_names_no_message_twice() -> None:
    """Its parts are carried out in any order."""
    mailbox = mailbox_of("A")
    orders = [order("A", "label:One"), order("A", "label:Two"), order("A", "trash")]
    assert await dispose(mailbox, *orders) == [DONE] * 3
    assert mailbox.messages["A"] == Message("id-deleteditems", ["One", "Two"])
    assert [len(batch) for batch in mailbox.batches] == [1] * 6


async def test_of_two_ends_of_one_message_the_first_holds() -> None:
    mailbox = mailbox_of("A")
    assert await dispose(mailbox, order("A", "archive"), order("A", "trash")) == [DONE] * 2
    assert mailbox.messages["A"].folder == "id-archive"


dispositions = st.sampled_from(
    ["keep", "trash", "archive", "mark-read", "purge", "move:Done", "label:One", "label:Two"]
)


@given(
    st.lists(st.tuples(st.sampled_from("ABCDEF"), dispositions), max_size=30),
    st.sets(st.integers(0, 60)),
)
async def test_orders_repeated_until_done_end_as_those_that_never_failed(
    asked: list[tuple[str, str]], losses: set[int]
) -> None:
    """Also where the service obeyed and its answer was lost; each message is ordered once."""
    orders = [order(key, disposition) for key, disposition in dict(asked).items()]
    smooth, rough = mailbox_of(*"ABCDEF"), mailbox_of(*"ABCDEF")
    await dispose(smooth, *orders)
    count = 0

    def lose(part: Part) -> PartAnswer | None:
        nonlocal count
        count += 1
        if count not in losses:
            return None
        if count % 2:
            rough.answer(part)
        return failed(500)

    rough.fault = lose
    disposing, waiting = disposing_in(rough), orders
    for _ in range(len(losses) + 1):
        outcomes = await disposing.carry_out(waiting, ALL)
        waiting = [one for one, end in zip(waiting, outcomes, strict=True) if end is RETRY]
    assert waiting == []
    assert rough.messages == smooth.messages
