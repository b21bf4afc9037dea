import attrs
import pytest

from bridge.errors import SpoolUnavailable
from bridge.names import DeviceName
from bridge.storage.holding import Holder
from bridge.sync.errand import FAILURES_IN_A_ROW
from providers.contract import (
    AccessRefused,
    CursorExpired,
    Envelope,
    FolderMissing,
    FolderName,
    MessageUnreadable,
    RemoteId,
    Throttled,
    Unreachable,
)
from tests.contract.storage_harness import FAX, PRINTER, maildrop
from tests.unit.sync.looking import MESSAGE_OCTETS, Looking, mail

A, B, C = mail("a"), mail("b"), mail("c")


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records]


# ---- from there to here


async def test_a_first_look_brings_every_message_in_order(looking: Looking) -> None:
    await looking.register()
    for octets in (A, B, C):
        looking.service.put(octets)
    report = await looking.look()
    assert await looking.listed() == [A, B, C]
    assert (report.announced, report.delivered) == (3, 3)


async def test_a_look_that_finds_nothing_new_changes_and_fetches_nothing(
    looking: Looking,
) -> None:
    await looking.register()
    looking.service.put(A)
    await looking.look()
    report = await looking.look()
    assert not any(attrs.astuple(report))
    assert [method for method, _ in looking.service.asked].count("fetch") == 1


async def test_a_later_look_asks_from_where_the_one_before_ended(looking: Looking) -> None:
    await looking.register()
    for _ in range(3):
        looking.service.put(A)
        await looking.look()
    asked = [what for method, what in looking.service.asked if method == "changes"]
    assert asked[0] is None
    assert asked[1:] == ["0:1", "0:2"]


async def test_a_message_that_went_is_listed_no_more(looking: Looking) -> None:
    await looking.register()
    gone = looking.service.put(A)
    looking.service.put(B)
    await looking.look()
    looking.service.remove(gone)
    report = await looking.look()
    assert await looking.listed() == [B]
    assert report.vanished == 1


async def test_what_came_and_went_between_pages_is_not_listed(looking: Looking) -> None:
    await looking.register()
    looking.service.page_messages = 1
    first = looking.service.put(A)
    looking.service.put(B)
    looking.service.on_step = lambda name: (
        looking.service.remove(first) and None if name == "page" else None
    )
    await looking.look()
    await looking.look()
    assert await looking.listed() == [B]


async def test_an_expired_cursor_means_a_full_list(
    looking: Looking, caplog: pytest.LogCaptureFixture
) -> None:
    await looking.register()
    gone = looking.service.put(A)
    looking.service.put(B)
    await looking.look()
    looking.service.remove(gone)
    looking.service.put(C)
    looking.service.expire_cursors()
    await looking.look()
    assert await looking.listed() == [B, C]
    assert "cursor-expired" in events(caplog)
    assert not any(attrs.astuple(await looking.look()))


async def test_an_expired_cursor_names_the_request_it_was_refused_in(
    looking: Looking, caplog: pytest.LogCaptureFixture
) -> None:
    await looking.register()
    await looking.look()
    looking.service.failures["changes"] = [CursorExpired("too old", request_id="r-1")]
    await looking.look()
    (record,) = (r for r in caplog.records if r.message == "cursor-expired")
    assert vars(record)["event_fields"]["request_id"] == "r-1"


@pytest.mark.parametrize("on_dele", ["keep", "mark-read"])
async def test_what_a_device_deleted_never_comes_back_by_a_full_list(
    looking: Looking, on_dele: str
) -> None:
    await looking.register(maildrop(PRINTER, on_dele=on_dele))
    looking.service.put(A)
    looking.service.put(B)
    await looking.look()
    await looking.delete(1)
    for _ in range(2):
        looking.service.expire_cursors()
        await looking.look()
        looking.storage.crash()
        assert await looking.listed() == [B]
    assert len(looking.service.folder()) == 2


async def test_two_maildrops_over_one_folder_share_one_listing(looking: Looking) -> None:
    await looking.register(maildrop(PRINTER), maildrop(FAX))
    looking.service.put(A)
    await looking.look()
    assert [await looking.listed(drop) for drop in (PRINTER, FAX)] == [[A], [A]]
    assert [method for method, _ in looking.service.asked].count("changes") == 1


async def test_a_deletion_in_one_maildrop_of_a_kept_message_leaves_the_other_alone(
    looking: Looking,
) -> None:
    await looking.register(maildrop(PRINTER, on_dele="keep"), maildrop(FAX))
    looking.service.put(A)
    await looking.look()
    await looking.delete(1, drop=PRINTER)
    await looking.look()
    assert [await looking.listed(drop) for drop in (PRINTER, FAX)] == [[], [A]]


async def test_a_maildrop_that_joins_later_gets_every_message(looking: Looking) -> None:
    await looking.register(maildrop(PRINTER))
    for octets in (A, B):
        looking.service.put(octets)
    await looking.look()
    await looking.delete(1)
    await looking.look()
    await looking.register(maildrop(FAX))
    looking.service.put(C)
    await looking.look()
    assert [await looking.listed(drop) for drop in (PRINTER, FAX)] == [[B, C], [B, C]]
    assert not any(attrs.astuple(await looking.look()))


async def test_every_folder_has_its_own_look(looking: Looking) -> None:
    other = FolderName("Faxes")
    await looking.register(maildrop(PRINTER), attrs.evolve(maildrop(FAX), folder=other))
    looking.service.put(A)
    looking.service.put(B, other)
    await looking.look()
    assert [await looking.listed(drop) for drop in (PRINTER, FAX)] == [[A], [B]]


async def test_a_missing_folder_does_not_stop_the_other_folders(looking: Looking) -> None:
    missing = FolderName("Renamed")
    await looking.register(attrs.evolve(maildrop(FAX), folder=missing), maildrop(PRINTER))
    looking.service.put(A)
    with pytest.raises(FolderMissing):
        await looking.look()
    assert await looking.listed(PRINTER) == [A]


async def test_a_folder_that_is_refused_does_not_stop_the_other_folders(
    looking: Looking,
) -> None:
    """A delegate may have been given some folders of a mailbox only."""
    other = FolderName("Faxes")
    await looking.register(maildrop(PRINTER), attrs.evolve(maildrop(FAX), folder=other))
    looking.service.put(B)
    looking.service.failures["changes"] = [AccessRefused("no licence")]
    with pytest.raises(AccessRefused):
        await looking.look()
    assert await looking.listed(PRINTER) == [B]


# ---- messages that cannot be had


async def test_a_message_that_can_never_be_had_is_replaced_and_blocks_nobody(
    looking: Looking, caplog: pytest.LogCaptureFixture
) -> None:
    await looking.register()
    poison = looking.service.put(A)
    looking.service.put(B)
    looking.service.trouble[poison] = MessageUnreadable("the service cannot convert it")
    looking.service.trouble_after = 9
    report = await looking.look()
    notice, other = await looking.listed()
    assert b"the service cannot convert it" in notice
    assert poison.encode() in notice
    assert other == B
    assert (report.quarantined, report.delivered) == (1, 1)
    (record,) = (r for r in caplog.records if r.message == "message-quarantined")
    assert vars(record)["event_fields"]["remote_id"] == poison


async def test_a_notice_shows_what_the_service_told_of_the_message(looking: Looking) -> None:
    await looking.register()
    poison = looking.service.put(A)
    envelope = Envelope("Ada <ada@example.org>", "Order 66", "2027-01-15T07:00:00Z")
    looking.service.trouble[poison] = MessageUnreadable("no MIME", envelope)
    await looking.look()
    (notice,) = await looking.listed()
    assert b"\r\nSubject: Order 66\r\n" in notice.partition(b"\r\n\r\n")[2]


async def test_a_quarantined_message_is_never_asked_for_again(looking: Looking) -> None:
    await looking.register()
    poison = looking.service.put(A)
    looking.service.trouble[poison] = MessageUnreadable("no")
    for _ in range(3):
        looking.service.expire_cursors()
        await looking.look()
    assert [method for method, _ in looking.service.asked].count("fetch") == 1


async def test_the_original_of_a_deleted_notice_is_left_alone(looking: Looking) -> None:
    await looking.register()
    poison = looking.service.put(A)
    looking.service.trouble[poison] = MessageUnreadable("no")
    await looking.look()
    await looking.delete(1)
    looking.service.expire_cursors()
    await looking.look()
    assert list(looking.service.folder()) == [poison]
    assert await looking.listed() == []


@pytest.mark.parametrize(("more", "is_taken"), [(0, True), (1, False)])
async def test_a_message_beyond_the_limit_is_quarantined(
    looking: Looking, more: int, *, is_taken: bool
) -> None:
    await looking.register()
    octets = A + b"x" * (MESSAGE_OCTETS + more - len(A) - 2) + b"\r\n"
    looking.service.put(octets)
    report = await looking.look()
    (listed,) = await looking.listed()
    assert (listed == octets) == is_taken
    assert (b"sync.message_octets" in listed) != is_taken
    assert report.quarantined == (0 if is_taken else 1)
    assert looking.service.open_fetches == 0


async def test_a_message_that_goes_before_it_is_fetched_is_forgotten(looking: Looking) -> None:
    await looking.register()
    first = looking.service.put(A)
    looking.service.put(B)
    looking.service.on_step = lambda name: (
        looking.service.remove(first) and None if name == "fetch" else None
    )
    report = await looking.look()
    assert await looking.listed() == [B]
    assert report.vanished == 1
    await looking.look()
    assert [method for method, _ in looking.service.asked].count("fetch") == 2


async def test_one_fetch_that_fails_does_not_stop_the_next(
    looking: Looking, caplog: pytest.LogCaptureFixture
) -> None:
    await looking.register()
    looking.service.put(A)
    looking.service.put(B)
    looking.service.failures["fetch"] = [Unreachable("a bad moment")]
    await looking.look()
    assert await looking.listed() == [B]
    await looking.look()
    assert await looking.listed() == [A, B]
    assert events(caplog).count("fetch-failed") == 1


async def test_a_row_of_failures_ends_the_look_and_what_came_before_stays(
    looking: Looking,
) -> None:
    await looking.register()
    looking.service.put(A)
    for _ in range(10):
        dead = looking.service.put(B)
        looking.service.trouble[dead] = Unreachable("the service is gone")
    with pytest.raises(Unreachable):
        await looking.look()
    assert await looking.listed() == [A]
    fetches = [method for method, _ in looking.service.asked].count("fetch")
    assert fetches == 1 + FAILURES_IN_A_ROW


async def test_failures_with_successes_between_do_not_end_the_look(looking: Looking) -> None:
    await looking.register()
    for _ in range(FAILURES_IN_A_ROW + 2):
        dead = looking.service.put(B)
        looking.service.trouble[dead] = Unreachable("not this one")
        looking.service.put(A)
    await looking.look()
    assert await looking.listed() == [A] * (FAILURES_IN_A_ROW + 2)


async def test_messages_that_fail_again_and_again_do_not_block_those_behind_them(
    looking: Looking,
) -> None:
    await looking.register()
    for _ in range(FAILURES_IN_A_ROW + 1):
        dead = looking.service.put(B)
        looking.service.trouble[dead] = Unreachable("the service fails on this one")
    looking.service.put(A)
    looker, records = looking.looker(), await looking.records()
    with pytest.raises(Unreachable):
        await looker.look(records)
    for _ in range(2):
        await looker.look(records)  # the mailbox answers: known failures end no look
    assert await looking.listed() == [A]


async def test_what_could_not_be_fetched_is_fetched_by_a_later_look(looking: Looking) -> None:
    await looking.register()
    slow = looking.service.put(A)
    looking.service.put(B)
    looking.service.trouble[slow] = Unreachable("not now")
    await looking.look()
    looking.service.trouble.clear()
    await looking.look()
    assert await looking.listed() == [A, B]


@pytest.mark.parametrize("error", [Throttled("wait", 60.0), SpoolUnavailable("full")])
async def test_a_fetch_that_is_throttled_ends_the_look_at_once(
    looking: Looking, error: Exception
) -> None:
    await looking.register()
    looking.service.put(A)
    looking.service.put(B)
    looking.service.failures["fetch"] = [error]
    with pytest.raises(type(error)):
        await looking.look()
    assert [method for method, _ in looking.service.asked].count("fetch") == 1


# ---- vanished messages and open sessions


async def test_what_vanished_is_swept_only_while_no_session_is_open(looking: Looking) -> None:
    await looking.register()
    gone = looking.service.put(A)
    await looking.look()
    lock = await looking.locks.acquire(PRINTER, Holder(DeviceName("d"), "::1"), lambda: None)
    looking.service.remove(gone)
    await looking.look()
    await looking.look()
    assert len(looking.storage.body_files()) == 1
    lock.release()
    await looking.look()
    assert looking.storage.body_files() == []
    assert await looking.storage.spool.known(PRINTER) == {}


async def test_a_message_that_went_and_came_back_is_listed_again(looking: Looking) -> None:
    await looking.register()
    looking.service.put(A)
    await looking.look()
    for _ in range(2):
        gone = looking.service.remove(RemoteId("message-1"))
        assert gone is not None
        await looking.look()
        looking.service.bring_back(gone)
        await looking.look()
        assert await looking.listed() == [A]
