"""Follows a test page on its way to a device, and tells what becomes of it, or what keeps devices from it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Final

import attrs

from bridge.accounts.directory import Directory
from bridge.app.state import State
from bridge.clock import Clock
from bridge.control import Values
from bridge.errors import OwnerError, RegisterError
from bridge.names import DeviceName, SpoolId
from bridge.session.tracing import LOGIN_REFUSED, Trace, Tracing
from bridge.storage.lives import Happened, Life, LifeEvent
from bridge.storage.messages import MessageState

FOLLOW_PAGE = "test-message-follow"
"""The request's verb."""

FOLLOWED_SECONDS = 7200
"""Longest that a page is followed: machines poll every few minutes, some every hour."""

LOOK_SECONDS: Final = 1.0
"""How often it is seen what happened to the page."""

_LISTED: Final = frozenset({MessageState.READY, MessageState.QUARANTINED})


@attrs.frozen
class PageWatch:
    """The server's side of `popbridge test-message --wait`."""

    state: State
    directory: Directory
    tracing: Tracing
    clock: Clock
    write_sightings: Callable[[], Awaitable[object]]
    """Writes down the logins of the last minute."""

    async def follow(self, request: Values) -> AsyncGenerator[Values, None]:
        """Yield each refused login of the page's devices as it comes, then who took the page, or what is known instead.

        Raises:
            OwnerError: there is no such message, or the time is none.
        """
        number, seconds = SpoolId(int(request["message"])), float(request["seconds"])
        if not 0 < seconds <= FOLLOWED_SECONDS:
            raise OwnerError(f"A page is followed for up to {FOLLOWED_SECONDS} seconds.")
        devices = await self._devices(number)
        end = self.clock.monotonic() + seconds
        with ExitStack() as stack:
            traces = list(self._traces(devices, seconds, stack))
            heard: set[DeviceName] = set()
            while True:
                for refused in _refused(traces, heard):
                    yield refused
                life = await self._life(number)
                left = end - self.clock.monotonic()
                if _first(life, LifeEvent.SENT) or life.state not in _LISTED or left <= 0:
                    break
                await self.clock.sleep(min(LOOK_SECONDS, left))
        taken = _first(life, LifeEvent.SENT)
        if taken is not None:
            yield {"kind": "taken", **_told(taken)}
        else:
            yield {"kind": "nobody", **await self._known(life, devices), "heard": sorted(heard)}

    async def _known(self, life: Life, devices: list[DeviceName]) -> Values:
        """Return what is known of a page that nobody took: its state, who was told of it, and when each was last seen."""
        await self.write_sightings()
        last: dict[str, float] = {}
        for one in await self.state.sightings.sightings():
            if one.device in devices:
                last[one.device] = max(one.last, last.get(one.device, 0.0))
        told = [_told(one) for one in life.events if one.event is LifeEvent.LISTED]
        return {
            "state": life.state.value,
            "listed": told,
            "seen": {device: last.get(device) for device in devices},
        }

    def _traces(
        self, devices: list[DeviceName], seconds: float, stack: ExitStack
    ) -> Iterator[Trace]:
        """Listen to as many of the devices as may be listened to; of the others the page's life tells."""
        for device in devices:
            try:
                yield stack.enter_context(self.tracing.trace(device, seconds))
            except OwnerError:
                return

    async def _devices(self, number: SpoolId) -> list[DeviceName]:
        maildrop = (await self._life(number)).maildrop
        devices = self.directory.snapshot.devices
        return [one.name for one in devices if one.maildrop == maildrop]

    async def _life(self, number: SpoolId) -> Life:
        life = await self.state.histories.life(number)
        if life is None:
            raise RegisterError(f"There is no message {number}; see `popbridge message list`.")
        return life


def _refused(traces: list[Trace], heard: set[DeviceName]) -> Iterator[Values]:
    """Yield the refused logins that traces have heard of since they were last asked; add to `heard` who spoke."""
    for trace in traces:
        for line in trace.waiting():
            if line["kind"] == "client":
                heard.add(trace.device)
            if line["kind"] == "fact" and line["text"].startswith(LOGIN_REFUSED):
                yield {
                    "kind": "refused",
                    "device": trace.device,
                    "address": line["address"],
                    "time": line["time"],
                    "text": line["text"],
                }


def _first(life: Life, event: LifeEvent) -> Happened | None:
    return next((one for one in life.events if one.event is event), None)


def _told(event: Happened) -> Values:
    return {"device": event.device, "address": event.address, "time": event.first}
