from collections.abc import Sequence

import pytest

from providers.contract import (
    AccessRefused,
    DispositionOutcome,
    ProviderError,
    Throttled,
    Unreachable,
)
from providers.microsoft.batch import Part, PartAnswer
from providers.microsoft.disposing import Disposing
from tests.unit.providers.microsoft.batched import (
    ALL,
    DONE,
    PATH,
    REFUSED,
    RETRY,
    Finder,
    Message,
    answering,
    dispose,
    failed,
    mailbox_of,
    order,
)


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (failed(409, "ErrorIrresolvableConflict"), RETRY),
        (failed(410, "SyncStateNotFound"), RETRY),
        (failed(412), RETRY),
        (failed(424), RETRY),
        (failed(429, "ApplicationThrottled"), RETRY),
        (failed(429, "ApplicationThrottled", Retry_After="7"), RETRY),
        (failed(401, "InvalidAuthenticationToken"), RETRY),
        (failed(404, "SomethingNew"), RETRY),
        (failed(500, "ErrorInternalServerError"), RETRY),
        (failed(503, "ErrorServerBusy"), RETRY),
        (failed(504), RETRY),
        (PartAnswer(502, {}, "PGh0bWw+"), RETRY),
        (failed(400, "ErrorInvalidRequest"), REFUSED),
        (failed(405, "ErrorInvalidRequest"), REFUSED),
        (failed(501), REFUSED),
        (failed(500, "ErrorCorruptData"), REFUSED),
    ],
)
async def test_a_failed_part_is_its_own_order_s_failure(
    method: str, answer: PartAnswer, outcome: DispositionOutcome
) -> None:
    mailbox = mailbox_of("A", "B")
    mailbox.fault = answering(method, answer)
    orders = [order("A", "mark-read"), order("B", "mark-read")]
    assert await dispose(mailbox, *orders) == [outcome, DONE]
    assert mailbox.messages == {"A": Message(), "B": Message(is_read=True)}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("status", "wait"), [(429, "7"), (503, "30")])
async def test_the_pause_that_a_part_asks_for_is_kept_by_all(
    method: str, status: int, wait: str
) -> None:
    mailbox = mailbox_of("A", "B")
    mailbox.fault = answering(method, failed(status, Retry_After=wait))
    assert await dispose(mailbox, order("A", "trash"), order("B", "trash")) == [RETRY, DONE]
    assert mailbox.pauses == [float(wait)]


@pytest.mark.parametrize("answer", [failed(429, Retry_After="31"), failed(509)])
async def test_a_pause_too_long_to_wait_for_is_the_workers(answer: PartAnswer) -> None:
    mailbox = mailbox_of("A")
    mailbox.fault = answering("POST", answer)
    with pytest.raises(Throttled) as caught:
        await dispose(mailbox, order("A", "trash"))
    assert caught.value.retry_after in (31.0, 600.0)
    assert mailbox.pauses == []


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "answer",
    [
        failed(403, "ErrorAccessDenied"),
        failed(403),
        failed(404, "MailboxNotEnabledForRESTAPI"),
        failed(404, "ErrorInvalidUser"),
    ],
)
async def test_a_refusal_concerns_the_whole_mailbox(method: str, answer: PartAnswer) -> None:
    mailbox = mailbox_of("A", "B")
    mailbox.fault = answering(method, answer)
    with pytest.raises(AccessRefused):
        await dispose(mailbox, order("A", "trash"), order("B", "trash"))


async def test_a_folder_that_cannot_be_made_holds_up_its_own_messages_alone() -> None:
    mailbox = mailbox_of("A", "B", "C")
    orders = [order("A", "trash"), order("B", "move:id:nowhere"), order("C", "mark-read")]
    assert await dispose(mailbox, *orders) == [DONE, RETRY, DONE]
    (told,) = mailbox.told
    assert "id:nowhere" in str(told)
    assert told.request_id == "r-1"
    assert [mailbox.messages[key] for key in "ABC"] == [
        Message("id-deleteditems"),
        Message(),
        Message(is_read=True),
    ]


@pytest.mark.parametrize("error", [Unreachable("down"), Throttled("later", 5.0)])
async def test_of_a_batch_without_an_answer_no_outcome_is_known(error: ProviderError) -> None:
    async def send(_parts: Sequence[Part]) -> list[PartAnswer]:
        raise error

    mailbox = mailbox_of("A")
    disposing = Disposing(
        PATH, Finder(mailbox), send, mailbox.pauses.append, lambda: 0.0, mailbox.told.append
    )
    with pytest.raises(type(error)):
        await disposing.carry_out([order("A", "trash")], ALL)


@pytest.mark.parametrize("folder", ["", "inbox"])
async def test_an_inbox_that_is_said_to_be_missing_is_an_outage_and_not_the_end_of_an_order(
    folder: str,
) -> None:
    """Nobody can remove it, so its messages have not left it."""
    mailbox = mailbox_of("A")
    mailbox.folders.pop("inbox", None)
    with pytest.raises(Unreachable):
        await dispose(mailbox, order("A", "trash", folder))
    assert mailbox.messages == {"A": Message()}
