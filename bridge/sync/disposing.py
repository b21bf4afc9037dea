"""Carries out upstream what devices have deleted here: oldest first, and what failed before comes last.

One order that the service refuses, or always puts off, blocks none behind it. It is taken for the
account's trouble only as long as no other order has been carried out since it first failed.
"""

from collections.abc import Mapping, Sequence

import attrs

from bridge.clock import Clock
from bridge.logs import EventLog
from bridge.names import AccountName, MaildropName, SpoolId
from bridge.storage.lives import LifeEvent, Note
from bridge.storage.messages import QueuedDisposition
from bridge.storage.ports import Spool
from bridge.storage.register import MaildropRecord
from bridge.sync.errand import FAILURES_IN_A_ROW
from bridge.sync.reasons import reason
from providers.contract import (
    AccessRefused,
    DispositionOrder,
    DispositionOutcome,
    FolderName,
    MailboxProvider,
    Unreachable,
)

BATCH = 20
"""Dispositions handed over at once: what one Graph batch takes (learn.microsoft.com, JSON batching)."""

Failure = Unreachable | AccessRefused
_Answer = tuple[QueuedDisposition, DispositionOutcome | Failure]


@attrs.define
class _Round:
    """What one look carries out: where each maildrop's mail lies, and what came of it so far."""

    folders: Mapping[MaildropName, FolderName]
    done: int = 0
    tried: set[SpoolId] = attrs.field(factory=set)
    failures: dict[SpoolId, Failure] = attrs.field(factory=dict)
    is_over: bool = False


@attrs.define
class Disposer:
    """Disposes for one account, and remembers from look to look which orders fail."""

    account: AccountName
    provider: MailboxProvider
    spool: Spool
    clock: Clock
    log: EventLog
    # The one that failed longest ago first; each with how many had been carried out before it failed.
    _failed: dict[SpoolId, int] = attrs.field(factory=dict, init=False)
    _carried_out: int = attrs.field(default=0, init=False)

    async def dispose(self, maildrops: Sequence[MaildropRecord]) -> tuple[int, Failure | None]:
        """Carry out what is queued; return how much was, and what is in the way of all.

        Raises:
            ProviderError: nothing more can be asked now.
            SpoolUnavailable: the spool takes nothing now.
        """
        work = _Round({maildrop.name: maildrop.folder for maildrop in maildrops})
        await self._run(work, again=False)
        if not work.is_over:
            await self._run(work, again=True)
        of_all = [
            error
            for spool_id, error in work.failures.items()
            if self._failed.get(spool_id) == self._carried_out
        ]
        return work.done, of_all[-1] if of_all else None

    async def _run(self, work: _Round, *, again: bool) -> None:
        in_vain = 0  # batches in a row of which nothing was done
        while batch := await self._next(work, again=again):
            done = await self._hand_over(work, batch)
            in_vain = 0 if done else in_vain + 1
            if work.is_over or in_vain == FAILURES_IN_A_ROW:
                return  # what is in the way is in the way of all

    async def _next(self, work: _Round, *, again: bool) -> list[QueuedDisposition]:
        """Return what to hand over next: what never failed, or else what did, longest ago first."""
        limit = BATCH + len(work.tried | self._failed.keys())
        queued = {item.spool_id: item for item in await self.spool.queued(self.account, limit)}
        if again:
            for ended in self._failed.keys() - queued.keys():
                del self._failed[ended]
            wanted = [queued[one] for one in self._failed if one not in work.tried]
        else:
            known = work.tried | self._failed.keys()
            wanted = [item for one, item in queued.items() if one not in known]
        return [item for item in wanted if item.maildrop in work.folders][:BATCH]

    async def _hand_over(self, work: _Round, batch: Sequence[QueuedDisposition]) -> int:
        """Hand a batch over, write down what came of it, and return how much of it needs nothing more."""
        answers = await self._answers(work, batch)
        done = []
        for item, answer in answers:
            work.tried.add(item.spool_id)
            if isinstance(answer, (Unreachable, AccessRefused)):
                self._put_last(item)
                work.failures[item.spool_id] = answer
            elif answer is DispositionOutcome.RETRY:
                self._put_last(item)
            else:
                done.append(item.spool_id)
                if answer is DispositionOutcome.REFUSED:
                    await self._tell_refused(item)
        await self.spool.disposed(done)
        for spool_id in done:
            self._failed.pop(spool_id, None)
        self._carried_out += len(done)
        work.done += len(done)
        return len(done)

    async def _answers(self, work: _Round, batch: Sequence[QueuedDisposition]) -> list[_Answer]:
        """Return what came of a batch; where it fails as a whole, of one order after the other.

        A row of single orders that failed is the end of the look's: the answers stop there.
        """
        orders = [
            DispositionOrder(work.folders[item.maildrop], item.remote_id, item.disposition)
            for item in batch
        ]
        try:
            return list(zip(batch, await self.provider.dispose(orders), strict=True))
        except (Unreachable, AccessRefused) as error:
            if len(batch) == 1:
                return [(batch[0], error)]
        answers: list[_Answer] = []
        row = 0
        for item, order in zip(batch, orders, strict=True):
            try:
                (outcome,) = await self.provider.dispose([order])
            except (Unreachable, AccessRefused) as error:
                answers.append((item, error))
                self._tell_failed(item, error)
                row += 1
                if row == FAILURES_IN_A_ROW:
                    work.is_over = True
                    break
            else:
                answers.append((item, outcome))
                row = 0
        return answers

    def _put_last(self, item: QueuedDisposition) -> None:
        """Have all others asked for first from the next look on."""
        self._failed[item.spool_id] = self._failed.pop(item.spool_id, self._carried_out)

    def _tell_failed(self, item: QueuedDisposition, error: Failure) -> None:
        self.log.warning(
            "disposition-failed",
            account=self.account,
            remote_id=item.remote_id,
            **reason(error),
        )

    async def _tell_refused(self, item: QueuedDisposition) -> None:
        self.log.error(
            "disposition-refused",
            account=self.account,
            message=item.spool_id,
            remote_id=item.remote_id,
            disposition=item.disposition.spelled(),
        )
        why = f"the service refuses to {item.disposition.spelled()}"
        refused = Note(item.spool_id, LifeEvent.REFUSED, self.clock.now(), detail=why)
        await self.spool.note([refused])
