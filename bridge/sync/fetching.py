"""Fetches the bodies that maildrops wait for: some side by side, each durable before it counts.

One more is under way than the service bears at once: while a body is being made durable here, the
next one is asked for there. Messages begin in listing order and may end in any.
"""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing

import attrs

from bridge.alerts import Alert, AlertReason, AlertSink, unheard, unreadable, unshapeable
from bridge.clock import Clock
from bridge.errors import CeilingReached, PopbridgeError, ShaperUnavailable
from bridge.logs import EventLog
from bridge.names import AccountName, MaildropName, SpoolId
from bridge.shaper.processes import ShapingProcesses
from bridge.storage.lives import LifeEvent, Note
from bridge.storage.messages import Delivery, Pending
from bridge.storage.ports import Spool
from bridge.sync.errand import Arriving, Errand, FailureRow, Turn
from bridge.sync.maildropshaper import MaildropShaper
from bridge.sync.notice import notice
from bridge.sync.reasons import reason
from bridge.sync.room import Room
from providers.contract import (
    AccessRefused,
    FolderName,
    MailboxProvider,
    MessageGone,
    MessageUnreadable,
    ProviderError,
    RemoteId,
    Throttled,
    Unreachable,
)

TIMES_GONE = 2
"""How often a message that was listed and is not there has the next look list in full."""

LIST_AGAIN_SECONDS = 3600.0
"""After how long a full list looks for it once more: a service may find it again."""

REMEMBERED_GONE = 10_000
"""Messages of which that is remembered."""


FAULTS = 10
"""Times in all that our own code may fail at one message, before a notice stands for it: with looks a minute
apart, long enough for a machine to have its memory back, and nothing is fetched in vain for ever."""


@attrs.frozen
class Fetcher:
    """Fetches for one account, and remembers from look to look which messages fail."""

    account: AccountName
    provider: MailboxProvider
    spool: Spool
    clock: Clock
    log: EventLog
    message_octets: int
    alert: AlertSink = unheard
    shaping: ShapingProcesses | None = None
    # Per maildrop, the one that failed longest ago first: so each has its turn again. Each with
    # the number of messages that had been had before the look in which it failed first.
    _stubborn: dict[MaildropName, dict[SpoolId, int]] = attrs.field(factory=dict, init=False)
    _had: Counter[FolderName] = attrs.field(factory=Counter, init=False)
    # Per maildrop, how many octets at least a message has that there was no room for.
    _too_long: dict[MaildropName, dict[SpoolId, int]] = attrs.field(factory=dict, init=False)
    # How often a message was listed, and not there.
    _gone: Counter[RemoteId] = attrs.field(factory=Counter, init=False)
    # When a folder is to be listed in full because of such a one, by the monotonic clock.
    _list_again: dict[FolderName, float] = attrs.field(factory=dict, init=False)
    # Those whose ceiling is reached, and of which that was told.
    _full: set[MaildropName] = attrs.field(factory=set, init=False)

    async def fetch(self, errand: Errand) -> None:
        """Fetch what is announced; one failure lets the next be tried, a row of them ends the look.

        What failed in an earlier look comes last, when all others have ended, and never ends a
        look as failed: the mailbox has answered, so others must neither be blocked by it nor wait
        longer for the next look. When a row ends the look, what is under way is still brought home.

        Raises:
            Unreachable: a row of fetches failed.
            AccessRefused: so did a row.
            ProviderError, SpoolUnavailable: one fetch met what concerns them all. The others were
                cut off, and their messages are still announced.
        """
        row = FailureRow()
        for maildrop in errand.maildrops:
            fresh, stubborn = await self._waiting(maildrop, errand)
            used = await self.spool.octets_at_rest(maildrop)
            room = Room(errand.ceilings[maildrop], used)
            first = Turn(errand, maildrop, fresh, row, room)
            await self._run_lanes(first)
            if row.ending is not None:
                raise row.ending
            second = Turn(errand, maildrop, [] if first.is_full else stubborn, row, room)
            try:
                await self._run_lanes(second)
            except Throttled as error:
                errand.throttled = error  # of a message that was asked for too much before: told when all is done
            row.ending = None
            turns = (first, second)
            lacks_room = any(turn.is_full or turn.has_left_out for turn in turns)
            self._tell_ceiling(maildrop, room, lacks_room=lacks_room)

    def refusals_of_all(self, errand: Errand) -> list[AccessRefused]:
        """Return the refusals that may well be about all messages, once the errand is over.

        One is taken for its message's own only when another could be had beside it, or later.
        """
        return [
            error
            for maildrop in errand.maildrops
            for spool_id, error in errand.refused.items()
            if self._stubborn.get(maildrop, {}).get(spool_id) == self._had[errand.folder]
        ]

    async def _waiting(
        self, maildrop: MaildropName, errand: Errand
    ) -> tuple[list[Pending], list[Pending]]:
        """Return what to fetch: what has not failed yet, in listing order, and what has."""
        pending = {item.spool_id: item for item in await self.spool.pending(maildrop)}
        stubborn = self._stubborn.setdefault(maildrop, {})
        for remembered in (stubborn, self._too_long.setdefault(maildrop, {})):
            for ended in remembered.keys() - pending.keys():
                del remembered[ended]
        fresh = [item for spool_id, item in pending.items() if spool_id not in stubborn]
        again = [pending[spool_id] for spool_id in stubborn if spool_id not in errand.failed]
        return fresh, again

    async def _run_lanes(self, turn: Turn) -> None:
        """Fetch what the turn is about, as far as there is room for it."""
        bears = self.provider.at_once
        lanes = bears + 1 if bears > 1 else 1
        async with asyncio.TaskGroup() as group:
            for number in range(1, min(lanes, len(turn.items)) + 1):
                name = f"fetch {self.account} {number}"
                turn.lanes.append(group.create_task(self._lane(turn), name=name))
        if turn.error is not None:
            raise turn.error

    async def _lane(self, turn: Turn) -> None:
        """Fetch one message after the other, until there are none or the turn is over.

        The task group hears of no error: it would wrap it, and a cancellation from outside that
        comes while it winds up would be lost (asyncio.TaskGroup raises the group instead).
        """
        try:
            for item in turn.waiting:
                await self._try(turn, item)
                if turn.row.ending is not None or turn.is_full:
                    return
        except Exception as error:  # noqa: BLE001 - raised again by who waits for the lanes
            turn.give_up(error)

    async def _try(self, turn: Turn, item: Pending) -> None:
        try:
            turn.room.check()
        except CeilingReached:
            turn.is_full = True
            return
        try:
            # What did not fit is not fetched again, half each time, until it can.
            turn.room.check(self._too_long[turn.maildrop].get(item.spool_id, 1))
            await self._fetch(turn, item)
        except CeilingReached:
            turn.has_left_out = True  # a smaller one behind it may still fit
        except (Unreachable, AccessRefused) as error:
            await self._failed(turn, item, error)
        except Throttled:
            self._put_last(turn, item)  # it may be asked for too much by itself
            turn.errand.failed.add(item.spool_id)
            raise
        except (ProviderError, PopbridgeError, OSError):
            raise
        except Exception as error:
            self.log.exception("fetch-fault", account=self.account, message=item.spool_id)
            await self._faulted(turn, item, type(error).__name__)
        else:
            turn.row.length = 0
            turn.errand.had += 1
            self._had[turn.errand.folder] += 1

    def _put_last(self, turn: Turn, item: Pending) -> None:
        """Have all others asked for first from the next look on."""
        stubborn = self._stubborn[turn.maildrop]
        had_before = self._had[turn.errand.folder] - turn.errand.had
        stubborn[item.spool_id] = stubborn.pop(item.spool_id, had_before)

    async def _faulted(self, turn: Turn, item: Pending, fault: str) -> None:
        """Count a fault of ours, durably; where it is one too many the message can never be had."""
        if item.faults + 1 < FAULTS:
            error = Unreachable(f"internal fault: {fault}")
            await self._failed(turn, item, error, LifeEvent.FAULTED)
            return
        # Killed before this is durable, the next look comes here again after one more try.
        never = MessageUnreadable(
            f"a fault of popbridge itself, {fault}, met it {FAULTS} times"
        )
        await self._quarantine(turn.maildrop, item, never)
        turn.errand.quarantined += 1

    async def _failed(
        self,
        turn: Turn,
        item: Pending,
        error: Unreachable | AccessRefused,
        event: LifeEvent = LifeEvent.FETCH_FAILED,
    ) -> None:
        """Remember that a message could not be had now: from now on it comes last."""
        turn.errand.failed.add(item.spool_id)
        if isinstance(error, AccessRefused):
            turn.errand.refused[item.spool_id] = error
        self._put_last(turn, item)
        self.log.warning(
            "fetch-failed", account=self.account, message=item.spool_id, **reason(error)
        )
        now = self.clock.now()
        note = Note(item.spool_id, event, now, detail=str(error))
        await self.spool.note([note])
        turn.row.grow(error)

    async def _fetch(self, turn: Turn, item: Pending) -> None:
        errand, maildrop = turn.errand, turn.maildrop
        arriving = Arriving(item)
        try:
            delivery = await self._deliver(turn, arriving)
        except MessageGone:
            self._missed(errand, item)
            await self.spool.forget(maildrop, [item.remote_id])
        except MessageUnreadable as error:
            await self._quarantine(maildrop, item, error)
            errand.quarantined += 1
        else:
            if arriving.octets:
                kept = 0 if delivery.held else delivery.octets + delivery.original_octets
                turn.room.settle(arriving.octets + arriving.shaped, kept)
            self._count(errand, maildrop, item, delivery)

    async def _deliver(self, turn: Turn, arriving: Arriving) -> Delivery:
        item = arriving.item
        shaper = self._shaper(turn, arriving)
        try:
            async with aclosing(self._bounded(turn, arriving)) as body:
                return await self.spool.deliver(
                    item.spool_id, body, self.provider.attests, shaper
                )
        except BaseException as error:
            if isinstance(error, CeilingReached):
                self._too_long[turn.maildrop][item.spool_id] = arriving.octets + arriving.shaped
            turn.room.give_back(arriving.octets + arriving.shaped)
            if isinstance(error, ShaperUnavailable):  # it comes last, and a row ends the look
                raise Unreachable(str(error)) from error
            raise

    def _shaper(self, turn: Turn, arriving: Arriving) -> MaildropShaper | None:
        wish = turn.errand.wishes.get(turn.maildrop)
        if wish is None or self.shaping is None:
            return None

        def grows(octets: int) -> None:
            if arriving.octets + arriving.shaped + octets > turn.room.ceiling:
                raise MessageUnreadable(
                    f"with what is made of it, it is larger than {turn.room.ceiling} octets,"
                    " the maildrop's ceiling"
                )
            arriving.shaped += octets
            turn.room.take(octets)

        looks_inside = turn.maildrop in turn.errand.choosy
        told = arriving.item.spool_id, self.shaping, self.clock, grows
        return MaildropShaper(wish, *told, looks_inside=looks_inside)

    def _missed(self, errand: Errand, item: Pending) -> None:
        """Have the next look list in full, or, for one that is listed and never there, one in an hour."""
        self._gone[item.remote_id] += 1
        if self._gone[item.remote_id] <= TIMES_GONE:
            errand.gone += 1
        else:
            due = self.clock.monotonic() + LIST_AGAIN_SECONDS
            self._list_again.setdefault(errand.folder, due)
        if len(self._gone) > REMEMBERED_GONE:
            self._gone.clear()

    def has_to_list(self, folder: FolderName) -> bool:
        """Tell whether it is time for the full list that a message waits for which was not there."""
        is_due = self.clock.monotonic() >= self._list_again.get(folder, math.inf)
        if is_due:
            del self._list_again[folder]
        return is_due

    def _count(
        self, errand: Errand, maildrop: MaildropName, item: Pending, delivery: Delivery
    ) -> None:
        told = {"maildrop": maildrop, "message": item.spool_id, "octets": delivery.octets}
        if delivery.quarantined:
            errand.quarantined += 1
            hint = f"popbridge message show {item.spool_id} --original prints it as it came"
            self.log.error(
                "message-quarantined",
                account=self.account,
                **told,
                why=delivery.quarantined,
                hint=hint,
            )
            why = delivery.quarantined
            self.alert(unshapeable(self.account, maildrop, item.spool_id, why))
        elif not delivery.held:
            errand.delivered += 1
            self.log.info("message-delivered", **told)
        else:
            errand.held += 1
            hint = f"popbridge message redeliver {item.spool_id} lists it"
            self.log.warning("message-held", **told, why=delivery.held, hint=hint)

    async def _quarantine(
        self, maildrop: MaildropName, item: Pending, error: MessageUnreadable
    ) -> None:
        self.log.error(
            "message-quarantined",
            account=self.account,
            maildrop=maildrop,
            message=item.spool_id,
            remote_id=item.remote_id,
            **reason(error),
        )
        text = notice(item.remote_id, str(error), error.envelope, self.clock.now())
        await self.spool.quarantine(item.spool_id, text, str(error), error.envelope)
        self.alert(unreadable(self.account, maildrop, item.spool_id, str(error)))

    async def _bounded(self, turn: Turn, arriving: Arriving) -> AsyncGenerator[bytes, None]:
        """Yield the message's octets, up to the size this bridge takes, as long as there is room for it."""
        fetched = self.provider.fetch(turn.errand.folder, arriving.item.remote_id)
        async with aclosing(fetched) as pieces:
            async for piece in pieces:
                self._check_size(arriving.octets + len(piece), turn.room.ceiling)
                arriving.octets += len(piece)
                turn.room.take(len(piece))
                yield piece

    def _check_size(self, octets: int, ceiling: int) -> None:
        """Refuse a message that would not even fit alone."""
        if octets > self.message_octets:
            raise MessageUnreadable(
                f"it is larger than {self.message_octets} octets (sync.message_octets)"
            )
        if octets > ceiling:
            raise MessageUnreadable(
                f"it is larger than {ceiling} octets, the maildrop's ceiling"
            )

    def _tell_ceiling(self, maildrop: MaildropName, room: Room, *, lacks_room: bool) -> None:
        """Say once that a ceiling is reached, and once that it is not any more."""
        if lacks_room and maildrop not in self._full:
            self._full.add(maildrop)
            self.log.error(
                "ceiling-reached",
                account=self.account,
                maildrop=maildrop,
                ceiling=room.ceiling,
                hint="what waits is fetched when devices have deleted something",
            )
            said = (
                f"{room.used} of {room.ceiling} octets lie here for it, too many for what waits"
            )
            self.alert(Alert(AlertReason.DISK_CEILING, said, self.account, maildrop))
        elif not lacks_room and maildrop in self._full:
            self._full.discard(maildrop)
            self.log.info("ceiling-left", account=self.account, maildrop=maildrop)
