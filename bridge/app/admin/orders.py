"""What an admin may order of a running bridge about messages, and who that was."""

from collections.abc import Awaitable, Callable

import attrs

from bridge.accounts.directory import Directory
from bridge.app.accounts.workers import Workers
from bridge.app.admin.messages import DROP, REDELIVER, MessageDesk
from bridge.app.admin.testpages import TEST_MESSAGE, PageDesk, bridge_name, read_order
from bridge.app.audit.actors import actor_asking
from bridge.app.state import State
from bridge.clock import Clock
from bridge.config import Config
from bridge.control import Values, Verb
from bridge.shaper.processes import ShapingProcesses
from bridge.storage.holding import Locks


@attrs.frozen
class Orders:
    """The orders; `tell` has the log told of what was done, and `workers` raises while the bridge starts."""

    config: Config
    state: State
    locks: Locks
    directory: Directory
    clock: Clock
    shaping: ShapingProcesses
    workers: Callable[[], Workers]
    tell: Callable[[], Awaitable[None]]

    def verbs(self) -> dict[str, Verb]:
        """Return who answers which order."""
        return {
            REDELIVER: self._redeliver,
            DROP: self._drop,
            TEST_MESSAGE: self._make_test_message,
        }

    async def _redeliver(self, request: Values) -> Values:
        desk, number = self._desk(request), int(request["message"])
        said = await desk.redeliver(number)
        self.workers().look_soon(await desk.account_of(number))
        await self.tell()
        return {"said": said}

    async def _drop(self, request: Values) -> Values:
        desk, number = self._desk(request), int(request["message"])
        account = await desk.account_of(number)
        said = await desk.drop(number, dispose=bool(request["dispose"]))
        self.workers().look_soon(account)
        await self.tell()
        return {"said": said}

    async def _make_test_message(self, request: Values) -> Values:
        desk = PageDesk(
            self.state.spool,
            lambda: self.directory.snapshot,
            self.clock,
            bridge_name(self.config),
            self.shaping,
            self.workers().is_failing,
            actor_asking(request),
        )
        delivered = await desk.deliver(read_order(request))
        await self.tell()
        return attrs.asdict(delivered)

    def _desk(self, request: Values) -> MessageDesk:
        return MessageDesk(
            self.state.spool,
            self.state.histories,
            self.locks,
            lambda: self.directory.snapshot,
            self.workers().mailbox_of,
            self.config.sync.message_octets,
            self.shaping,
            actor_asking(request),
        )
