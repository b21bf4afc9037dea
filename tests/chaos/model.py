"""What must be true, in a model that knows nothing of how the bridge does it.

A job is owed to a maildrop once a look that met no trouble has seen it, or a device was told of it; it
is owed until it was confirmed deleted, or is gone upstream. An order is a disposition that a confirmed
deletion stands for. Numbers in comments are those of the invariants in docs/reliability.md.
"""

from collections.abc import Iterable, Mapping

import attrs

from bridge.names import MaildropName
from providers.contract import DispositionKind
from tests.chaos.mails import Job
from tests.chaos.upstreams import BY_DISPOSITION, GONE, Place, Seen
from tests.chaos.views import Broken, Entry, Order, Stage, View, must

AT_ONCE = 5
"""Messages that arrive side by side at most."""


@attrs.define
class Model:
    """The mailbox as it must be, and every maildrop's view of it.

    Messages larger than `largest` are not taken. The dispositions that `follows` names also reach a
    message that its owner has filed elsewhere meanwhile. `pages` are jobs that were made here.
    """

    views: dict[MaildropName, View]
    largest: int
    follows: frozenset[DispositionKind]
    jobs: dict[int, Job] = attrs.field(factory=dict)
    put_at: dict[int, float] = attrs.field(factory=dict)
    seen: dict[int, Seen] = attrs.field(factory=dict)
    sick: dict[int, bool] = attrs.field(factory=dict)
    was_unreadable: set[int] = attrs.field(factory=set)
    pages: set[int] = attrs.field(factory=set)
    _is_restored: bool = False
    _in_use: set[MaildropName] = attrs.field(factory=set)
    _at_rest: Mapping[MaildropName, int] = attrs.field(factory=dict)
    _settling: set[int] = attrs.field(factory=set)
    _settling_orders: set[tuple[MaildropName, int]] = attrs.field(factory=set)

    def arrived(self, job: Job, now: float) -> None:
        """Take note of a message that is about to arrive."""
        self.jobs[job.number] = job
        self.put_at[job.number] = now
        if self._is_restored:  # it may have come before the machine was lost
            for view in self.views.values():
                view.parked.add(job.number)

    def page_begins(self, view: View, job: Job, now: float) -> None:
        """Take note of a page that is about to be made; until that is done it may be listed."""
        self.jobs[job.number] = job
        self.put_at[job.number] = now
        self.pages.add(job.number)
        view.excused.add(job.number)

    def page_is_made(self, view: View, job: int) -> None:
        """Take note that a page lies in its maildrop: it is listed until a device or an admin deletes it."""
        view.excused.discard(job)
        view.owed.add(job)

    def restored(self) -> None:
        """Take note that the bridge begins anew with a backup; until a look has seen everything all is old."""
        self._is_restored = True
        for view in self.views.values():
            view.restore(self.jobs)

    # ---- what happens upstream

    def owner_did(self, now: Mapping[int, Seen]) -> None:
        """Take note of how the mailbox is after its owner, or a sender, has changed it."""
        for job in self.seen.keys() | now.keys():
            before, after = self.seen.get(job, GONE), now.get(job, GONE)
            if before.place is not after.place:
                self._left(job)
                self._comes_back(job, after)
            elif before != after:
                for view in self.views.values():
                    if job in view.orders:
                        view.orders[job].is_owed = False
        self.seen = dict(now)

    def bridge_did(self, now: Mapping[int, Seen]) -> None:
        """Check that every change since was ordered, and touches nothing else (5)."""
        for job in sorted(self.seen.keys() | now.keys()):
            before, after = self.seen.get(job, GONE), now.get(job, GONE)
            for earlier, later in _one_by_one(before, after):
                order = self._order_for(job, earlier, later)
                if order is None:
                    raise Broken(f"job {job} went from {earlier} to {later}, as nobody ordered")
                order.stage = Stage.OBEYED
            if before.place is not after.place:
                self._left(job)
        self.seen = dict(now)

    def _order_for(self, job: int, before: Seen, after: Seen) -> Order | None:
        for view in self.views.values():
            order = view.orders.get(job)
            if order is None or order.stage is Stage.SETTLED:
                continue
            if before.place is not Place.INBOX and order.kind not in self.follows:
                continue
            if _meaning(order.kind, before) == after:
                return order
        return None

    def _comes_back(self, job: int, now: Seen) -> None:
        """Take note that after a restore nobody may know any more that a job was ever here."""
        for view in self.views.values():
            if now.place is Place.INBOX and job in view.parked:
                view.confirmed.discard(job)
                view.dropped.discard(job)

    def _left(self, job: int) -> None:
        """Take note that a job is not where it was; what comes next sees it anew."""
        self._settling.discard(job)
        for view in self.views.values():
            view.excused.add(job)
            if job in view.orders:
                view.orders[job].is_owed = False

    # ---- what devices are promised

    def confirm(self, view: View, entries: Iterable[Entry]) -> None:
        """Take note that a device was told +OK to QUIT."""
        entries = list(entries)
        self.doubt(view, entries)
        for entry in entries:
            view.confirmed.add(entry.job)
            view.again.discard(entry.job)
        view.doubtful = [group - view.confirmed for group in view.doubtful]
        view.doubtful = [group for group in view.doubtful if group]

    def doubt(self, view: View, entries: Iterable[Entry]) -> None:
        """Take note that a device has said QUIT and has not heard the answer, or never will."""
        group = [entry for entry in entries if entry.job not in view.confirmed]
        for entry in group:
            view.owed.discard(entry.job)
            if not view.is_in_doubt(entry.job):
                self._give_order(view, entry)
        anew = {entry.job for entry in group}
        # One that an admin had listed again says nothing of the others that were in doubt with it.
        view.doubtful = [rest for one in view.doubtful if (rest := one - anew)]
        if anew:
            view.doubtful.append(anew)

    def drop(self, view: View, job: int, *, dispose: bool) -> None:
        """Take note that an admin took a job off the list."""
        view.dropped.add(job)
        view.owed.discard(job)
        view.again.discard(job)
        if dispose:
            self._give_order(view, Entry(job, "", 0, is_notice=False))

    def redeliver(self, view: View, job: int) -> None:
        """Take note that an admin had a job listed again, as a new message."""
        view.confirmed.discard(job)
        view.dropped.discard(job)
        view.again.add(job)
        view.owed.add(job)
        view.unique_ids.pop(job, None)

    def _give_order(self, view: View, entry: Entry) -> None:
        is_kept = entry.is_notice or entry.job in self.pages
        kind = DispositionKind.KEEP if is_kept else view.record.disposition.kind
        is_here = self.seen.get(entry.job, GONE).place is Place.INBOX
        is_owed = is_here and entry.job not in view.excused
        view.orders[entry.job] = Order(kind, is_owed)

    # ---- what must be listed

    def check_listing(self, view: View, entries: Iterable[Entry], now: float) -> None:
        """Check what a session that starts now would be told (1, 2)."""
        entries = list(entries)
        listed = {entry.job: entry for entry in entries}
        must(len(listed) == len(entries), f"{view.name} lists a job twice")
        for entry in entries:
            self._check_entry(view, entry)
        self._check_copies(view, listed, now)
        self._resolve_doubts(view, listed)
        lost = sorted(view.owed - listed.keys() - (view.excused - view.again))
        must(not lost, f"jobs {lost} are lost to {view.name}")
        for entry in entries:
            view.since.setdefault(entry.job, now)
        view.listed = listed

    def _check_entry(self, view: View, entry: Entry) -> None:
        job = entry.job
        must(
            job not in view.confirmed,
            f"job {job} was deleted and is listed again to {view.name}",
        )
        must(
            job not in view.dropped, f"job {job} was dropped and is listed again to {view.name}"
        )
        known = view.unique_ids.setdefault(job, entry.unique_id)
        must(known == entry.unique_id, f"job {job} has another unique-id in {view.name}")
        of = view.used_ids.setdefault(entry.unique_id, job)
        must(of == job, f"the unique-id of job {of} is that of job {job} in {view.name}")
        octets = len(self.jobs[job].expected)
        if entry.is_notice:
            must(self._may_be_notice(view, job), f"job {job} is but a notice")
            must(job not in self.pages, f"job {job}, a page, is but a notice")
        else:
            must(entry.octets == octets, f"job {job} has {octets} octets, not {entry.octets}")
        if not view.is_in_doubt(job):
            view.owed.add(job)

    def _check_copies(self, view: View, listed: Mapping[int, Entry], now: float) -> None:
        """Check that a second copy within the window was not listed anew beside the first."""
        after = now - view.record.print_once
        whole = {job for job, entry in listed.items() if not entry.is_notice} - view.again
        for job in sorted(whole - view.since.keys()):
            for other in self._copies_of(job):
                was_there = other in view.listed and other not in view.excused
                is_new = other not in view.since  # then either may be the first
                since = (
                    min(self.put_at[job], self.put_at[other]) if is_new else self.put_at[other]
                )
                if other in whole and (was_there or is_new) and since > after:
                    raise Broken(f"job {job} is a copy of {other}, and both are listed")

    def _copies_of(self, job: int) -> list[int]:
        """Return the copies of a job; mail that looks like a page is none, since the owner asked for the page."""
        first = self.jobs[job].first
        alike = [one.number for one in self.jobs.values() if one.first == first]
        return (
            [] if job in self.pages else [n for n in alike if n != job and n not in self.pages]
        )

    def _resolve_doubts(self, view: View, listed: Mapping[int, Entry]) -> None:
        """Learn from a listing whether a QUIT was obeyed; it was for all its messages, or for none."""
        for group in list(view.doubtful):
            certain = {job for job in group if job not in view.excused}
            there = certain & listed.keys()
            must(not there or there == certain, f"a QUIT was obeyed in part: {sorted(group)}")
            if certain:
                view.doubtful.remove(group)
                if there:
                    view.owed |= certain
                    for job in group:
                        given = view.orders.pop(job)
                        # A message that is only to be kept is so before anybody orders it.
                        is_new = (
                            given.stage is Stage.GIVEN or given.kind is DispositionKind.KEEP
                        )
                        must(is_new, f"job {job} is disposed of, and listed")
                else:
                    view.confirmed |= group
                    view.again -= group

    # ---- what a look must bring about

    def look_begins(
        self, at_rest: Mapping[MaildropName, int], in_use: set[MaildropName]
    ) -> None:
        """Take note of what a look that begins now must see, and of what lies here by then."""
        self._at_rest, self._in_use = at_rest, in_use
        for view in self.views.values():
            view.excused |= view.noted
        self._settling = {job for job, seen in self.seen.items() if seen.place is Place.INBOX}
        self._settling_orders = {
            (view.name, job)
            for view in self.views.values()
            for job, order in view.orders.items()
            if order.stage is not Stage.SETTLED
        }

    def look_ended_well(self, at_rest: Mapping[MaildropName, int]) -> None:
        """Check what a look has brought about that met no trouble, whatever messages are sick (2, 5, 6, 8)."""
        self._is_restored = False
        for view in self.views.values():
            self._check_ceiling(view, at_rest[view.name])
            self._check_orders(view)
            not_here = [job for job in sorted(self._settling) if job not in view.listed]
            missing = [job for job in not_here if self._is_due(view, job)]
            # A device may have made room when the look was already past it.
            room = view.record.ceiling - max(at_rest[view.name], self._at_rest[view.name])
            is_full = any(
                len(self.jobs[job].expected) > room
                for job in not_here
                if not view.is_done_with(job)
            )
            must(is_full or not missing, f"jobs {missing} are not listed to {view.name}")
            view.excused -= self._settling & view.listed.keys()
            if not missing:  # what is not listed now is held because of a copy
                view.owed -= self._settling - view.listed.keys() - view.noted - self.sick.keys()

    def _check_ceiling(self, view: View, at_rest: int) -> None:
        """Check that no more lies here than may (8).

        Notices and what an admin wanted come on top, and by how much the line ends of those grew that
        arrived last, side by side.
        """
        extra = sum(entry.octets for entry in view.listed.values() if entry.is_notice)
        wanted = view.again | (self.pages & view.listed.keys())
        extra += sum(len(self.jobs[job].expected) for job in wanted)
        jobs = [self.jobs[job] for job in view.listed]
        growth = sorted(len(job.expected) - len(job.octets) for job in jobs)
        extra += sum(growth[-AT_ONCE:])
        must(at_rest <= view.record.ceiling + extra, f"{at_rest} octets lie in {view.name}")

    def _is_due(self, view: View, job: int) -> bool:
        """Tell whether a job that a look has seen is missing from the list."""
        if view.is_done_with(job) or view.is_in_doubt(job) or job in view.parked:
            return False
        if self.sick.get(job) is True:
            return False  # it may be had another time
        if self._may_be_notice(view, job) and view.name in self._in_use:
            return False  # a session may still delete its notice, so it comes back after that
        return not any(self._may_stand_for(view, other) for other in self._copies_of(job))

    def _may_be_notice(self, view: View, job: int) -> bool:
        """Tell whether a job could not be had: for a while, or because it is too large."""
        is_too_large = len(self.jobs[job].expected) > min(self.largest, view.record.ceiling)
        return is_too_large or job in self.was_unreadable

    def _may_stand_for(self, view: View, other: int) -> bool:
        """Tell whether a copy may be held because of another one."""
        return (
            other in view.since
            or other in view.confirmed
            or other in view.dropped
            or other in view.parked
            or self.seen.get(other, GONE).place is Place.INBOX
        )

    def _check_orders(self, view: View) -> None:
        for name, job in sorted(self._settling_orders):
            order = view.orders.get(job)
            if name != view.name or order is None or order.stage is Stage.SETTLED:
                continue
            seen = self.seen.get(job, GONE)
            is_obeyed = order.stage is Stage.OBEYED or _meaning(order.kind, seen) == seen
            order.looks += 1
            is_late = order.is_owed and order.looks > 1
            must(is_obeyed or not is_late, f"job {job} waits for its {order.kind} of {name}")
            if is_obeyed or order.looks > 1:
                order.stage = Stage.SETTLED


def _one_by_one(before: Seen, after: Seen) -> list[tuple[Seen, Seen]]:
    """Return the changes that lead from one to the other: it is read before it is moved."""
    read = attrs.evolve(before, is_read=after.is_read)
    if after == GONE:
        return [(before, after)] if before != GONE else []
    return [(one, other) for one, other in ((before, read), (read, after)) if one != other]


def _meaning(kind: DispositionKind, seen: Seen) -> Seen:
    """Return what becomes of a message in the inbox."""
    match kind:
        case DispositionKind.KEEP:
            return seen
        case DispositionKind.MARK_READ:
            return attrs.evolve(seen, is_read=True)
        case DispositionKind.PURGE:
            return GONE
        case _:
            return attrs.evolve(seen, place=BY_DISPOSITION[kind])
