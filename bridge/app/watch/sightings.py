"""Keeps watch over logins: remembers who was seen where, and writes it down once in a while.

A poll costs no disk: what was seen waits in memory, one value for each way in which a device logs
in, and all of it is written in one transaction. A bridge that is killed forgets the last minute.
For how long it watched on each day is written once an hour; killed, it has watched an hour less.
"""

from collections import Counter

import attrs

from bridge.app.watch.exposure import Watched
from bridge.clock import Clock
from bridge.errors import SpoolUnavailable
from bridge.logs import EventLog
from bridge.names import PROBE, DeviceName
from bridge.storage.sightings import Login, Sighting, SightingStore, day_of

WRITE_SECONDS = 60.0
"""How often what was seen is written down."""

MINUTES_HELD = 60
"""After how many minutes of watching it is written down that there were so many."""

REMEMBERED_SECONDS = 400 * 86400.0
"""How long a way of logging in is told that a device no longer uses: a yearly job is one way."""


async def look_back(store: SightingStore, now: float) -> Watched:
    """Return what is known of logins up to `now`."""
    since = await store.watched_since()
    return Watched(await store.sightings(), since, now, await store.watched_minutes())


class Watch:
    """What was seen since it was last written down."""

    def __init__(self, store: SightingStore, clock: Clock, log: EventLog) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._seen: dict[tuple[DeviceName, str, str], Sighting] = {}
        self._minutes: Counter[int] = Counter()

    def seen(self, login: Login) -> None:
        """Take note that a device has shown its password; the bridge's own login does not count."""
        if login.device == PROBE:
            return
        now = self._clock.now()
        key = (login.device, login.listener, login.tls)
        known = self._seen.get(key)
        first = known.first if known is not None else now
        self._seen[key] = Sighting(*key, login.cipher, login.address, first, now)

    async def write(self) -> bool:
        """Write down what was seen; what cannot be written now is kept for the next time. Return whether all is written."""
        seen, self._seen = self._seen, {}
        if not seen:
            return True
        try:
            await self._store.record(list(seen.values()))
        except SpoolUnavailable as error:
            for key, old in seen.items():
                newer = self._seen.get(key, old)
                self._seen[key] = attrs.evolve(newer, first=old.first)
            self._log.warning("sightings-not-written", why=str(error))
            return False
        return True

    async def _write_minutes(self) -> None:
        minutes, self._minutes = self._minutes, Counter()
        if not minutes:
            return
        try:
            await self._store.add_watched(minutes)
        except SpoolUnavailable as error:
            self._minutes += minutes
            self._log.warning("watched-not-written", why=str(error))

    async def forget_old(self) -> None:
        """Forget ways of logging in that no device has used for a long time.

        Raises:
            SpoolUnavailable: nothing was forgotten.
        """
        await self._store.forget(self._clock.now() - REMEMBERED_SECONDS)

    async def run(self) -> None:
        """Write what was seen once in a while, and once more when cancelled."""
        try:
            while True:
                await self._clock.sleep(WRITE_SECONDS)
                self._minutes[day_of(self._clock.now())] += 1
                await self.write()
                if self._minutes.total() >= MINUTES_HELD:
                    await self._write_minutes()
        finally:
            await self.write()
            await self._write_minutes()
