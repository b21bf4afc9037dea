"""What devices were told of a message stays so where it is fetched and shaped anew, or it is held."""

from collections.abc import Awaitable, Callable

import pytest

from bridge.names import SpoolId, UniqueId
from bridge.shaping.errors import Unshapeable
from providers.contract import RemoteId
from tests.contract.storage_harness import (
    PRINTER,
    SqliteUnderTest,
    listed,
    pieces_of,
    states,
)
from tests.contract.test_spool_shaping import (
    ORIGINAL,
    SHAPED,
    Reversing,
    deliver,
    files,
    original,
)


async def lose_the_body(storage: SqliteUnderTest, spool_id: SpoolId) -> None:
    """Find the body damaged, and have it fetched again."""
    await storage.spool.note_damaged(spool_id, "altered", 0.0)
    await storage.spool.sweep_vanished(PRINTER)


async def take_away_and_bring_back(storage: SqliteUnderTest, _: SpoolId) -> None:
    """Let the message leave the mailbox, unseen by any session, and come back."""
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    await storage.spool.sweep_vanished(PRINTER)


Losing = Callable[[SqliteUnderTest, SpoolId], Awaitable[None]]
LOSSES = [lose_the_body, take_away_and_bring_back]
LONGER = SHAPED + b"and more\r\n"


async def unique_id_of(storage: SqliteUnderTest, spool_id: SpoolId) -> UniqueId:
    (entry,) = (await storage.spool.listing(PRINTER)).entries
    assert entry.spool_id == spool_id
    return entry.unique_id


@pytest.mark.parametrize("lose", LOSSES)
async def test_what_is_shaped_anew_into_the_octets_that_were_told_is_listed_as_it_was(
    storage: SqliteUnderTest, lose: Losing
) -> None:
    spool_id, _ = await deliver(storage, Reversing())
    before = await unique_id_of(storage, spool_id)
    await lose(storage, spool_id)
    again, made = await deliver(storage, Reversing())
    assert (again, made.held) == (spool_id, "")
    assert await unique_id_of(storage, spool_id) == before
    assert await original(storage, spool_id) == ORIGINAL


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Reversing(), Reversing(made=LONGER)),
        (Reversing(), None),
        (None, Reversing()),
        (Reversing(), Reversing(Unshapeable("too slow now"))),
    ],
)
async def test_what_is_shaped_anew_into_other_octets_than_were_told_is_held(
    storage: SqliteUnderTest, first: Reversing | None, second: Reversing | None, lose: Losing
) -> None:
    spool_id, told = await deliver(storage, first)
    before = await unique_id_of(storage, spool_id)
    await lose(storage, spool_id)
    _, made = await deliver(storage, second)
    assert made.held
    assert made.quarantined == ""
    assert await states(storage) == {"a": "held"}
    assert files(storage) == []
    ((why,),) = await storage.run_sql("SELECT detail FROM message_event WHERE event = 'held'")
    assert f"devices were told of {told.octets} octets" in str(why)
    again = UniqueId("again")
    assert await storage.spool.redeliver(spool_id, again, pieces_of(ORIGINAL), Reversing())
    assert await unique_id_of(storage, spool_id) == again != before
    await lose_the_body(storage, spool_id)
    assert await states(storage) == {"a": "held"}


async def test_what_was_never_shaped_is_what_the_service_says_it_is(
    storage: SqliteUnderTest,
) -> None:
    spool_id, _ = await deliver(storage, None)
    await lose_the_body(storage, spool_id)
    await deliver(storage, None, ORIGINAL + b"and more\r\n")
    assert await listed(storage) == [spool_id]


@pytest.mark.parametrize("lose", LOSSES)
async def test_a_notice_is_not_what_devices_were_told_of_its_message(
    storage: SqliteUnderTest, lose: Losing
) -> None:
    spool_id, _ = await deliver(storage, Reversing(Unshapeable("too slow")))
    await lose(storage, spool_id)
    await deliver(storage, Reversing())
    assert await listed(storage) == [spool_id]
