"""Runs the bridge: builds every part, serves until told to stop, stops doors first and the spool last."""

import asyncio
import faulthandler
import os
import signal
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial

import attrs

from bridge import logs
from bridge.accounts.directory import Directory
from bridge.accounts.simulations import Simulations
from bridge.app.accounts.opener import AccountOpener
from bridge.app.accounts.workers import LookerMaker, Workers, shaping_processes
from bridge.app.admin.orders import Orders
from bridge.app.admin.pageprogress import FOLLOW_PAGE, PageWatch
from bridge.app.admin.simulations import SIMULATE, SimulationDesk
from bridge.app.admin.status import report
from bridge.app.admin.trace import TRACE, TraceDesk
from bridge.app.audit.events import Telling
from bridge.app.audit.settings import note_settings
from bridge.app.health.watchdog import Watchdog
from bridge.app.health.wellness import Health
from bridge.app.hooks.alerts import Alerting
from bridge.app.hooks.loginhook import LoginHook
from bridge.app.process.eventloop import loop_factory
from bridge.app.process.memory import tune_allocator
from bridge.app.process.privacy import keep_memory_private
from bridge.app.process.signals import heard, wanted
from bridge.app.process.systemd import Systemd
from bridge.app.state import (
    State,
    certificate_files,
    open_state,
    sole_server,
    sweep_left_over,
)
from bridge.app.upkeep.certificates import Certificates
from bridge.app.upkeep.daily import DailyUpkeep
from bridge.app.watch.openness import open_to_others
from bridge.app.watch.overseer import Overseer
from bridge.app.watch.sightings import Watch
from bridge.clock import Clock, SystemClock
from bridge.config import Config
from bridge.connection import shrink_tls_buffers
from bridge.control import Control, Values, control_path
from bridge.devices.fitting import manners_for
from bridge.errors import PopbridgeError, StateError
from bridge.listener import Listener
from bridge.names import AccountName
from bridge.pop3.events import MachineLimits
from bridge.session.services import Services, SessionLimits
from bridge.session.takings import Takings
from bridge.session.tracing import Tracing
from bridge.storage.audit import THE_BRIDGE
from bridge.storage.locks import MemoryLocks
from bridge.sync.worker import Pace
from bridge.throttle.caps import ConnectionCaps
from bridge.tls.contexts import TlsContexts
from bridge.vault.passwords import PasswordVerifier

STANDARD_ERROR = 2
"""The descriptor itself (stdio(3)): what is written to it by a process that is dying needs no Python."""

GRANT_LOOK_SECONDS = 3600.0
"""How often it is seen whether a grant was not used for a day."""


def serve(config: Config, environ: MutableMapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM; what a service manager says is taken out of `environ`.

    Raises:
        OwnerError: it cannot be started; nothing was changed.
    """
    keep_memory_private()
    os.umask(0o077)
    logs.configure(config.log.level, config.log.format, sys.stderr)
    faulthandler.enable(STANDARD_ERROR)  # an abort tells where every thread was, and no value
    tune_allocator()
    shrink_tls_buffers()
    clock = SystemClock()
    systemd = Systemd(environ, clock, logs.get("systemd"))
    with (
        sole_server(config.state_dir),
        open_state(config, environ, THE_BRIDGE) as state,
        asyncio.Runner(loop_factory=loop_factory(config.event_loop)) as runner,
    ):
        if others := open_to_others(state.places):  # no printer stops for it
            logs.get("bridge").error("state-folder-open", why=others)
        runner.run(Bridge(config, state, clock, systemd).run())


class Bridge:
    """All parts of one running bridge."""

    def __init__(self, config: Config, state: State, clock: Clock, systemd: Systemd) -> None:
        """Build the parts; must be called where no loop runs yet, or in the loop that will run it."""
        self._config = config
        self._state = state
        self._clock = clock
        self._systemd = systemd
        self._log = logs.get("bridge")
        self._contexts = TlsContexts(certificate_files(config.tls, state.places))
        self._certificates = Certificates(config, self._contexts, state.audit, clock, self._log)
        self._verifier = PasswordVerifier()
        self._directory = Directory(
            state.register,
            self._verifier,
            state.secrets,
            clock,
            config.limits.failed_login_delay_max,
        )
        self._tracing = Tracing(self._directory.device_of, self._directory.may_be_shown, clock)
        self._locks = MemoryLocks(config.limits.takeover_grace)
        self._caps = ConnectionCaps(
            config.limits.connections, config.limits.connections_per_address
        )
        self._alerting = Alerting(config.alerts, state.alerts, logs.get("alerts"))
        self._watch = Watch(state.sightings, clock, logs.get("watch"))
        self._overseer = Overseer(
            config.watch,
            state.register,
            state.sightings,
            state.addresses,
            self._watch,
            self._alerting.tell,
            clock,
        )
        self._hook = LoginHook(config.login_hook, clock, logs.get("login-hook"))
        self._takings = Takings(state.spool, clock, logs.get("spool"))
        self._telling = Telling(state.audit, clock, logs.get("audit"))
        self._directory.ask(self._overseer.known_addresses().why_not)
        self._workers: Workers | None = None
        self._simulations = Simulations()
        self._manners = manners_for(config.listener)
        self._shaping = shaping_processes(config)
        self._listeners = [
            Listener(cfg, self._services(), self._contexts, self._caps, logs.get("listener"))
            for cfg in config.listener
        ]
        self._health = Health(self._listeners, self._caps, self._directory, state, clock)

    async def run(self) -> None:
        """Serve until SIGINT or SIGTERM; return when everything is stopped.

        Raises:
            NetworkError: an address cannot be listened on.
            StateError: the database is damaged.
        """
        stop = heard(signal.SIGINT, signal.SIGTERM)
        hangup = heard(signal.SIGHUP)
        try:
            await self._state.database.verify()
            for listener in self._listeners:
                listener.bind()
            await self._note_settings()
            await self._alerting.tell_what_a_kill_left()
            await self._state.spool.sweep_orphans()
            sweep_left_over(self._state.places)
            async with asyncio.TaskGroup() as group:
                self._workers = self._make_workers(group)
                alerts = group.create_task(self._alerting.run(), name="alerts")
                doors = group.create_task(self._open_doors(hangup, self._workers), name="doors")
                await wanted(stop)
                self._systemd.stopping()
                self._log.info("stopping")
                await self._close(doors)
                self._tracing.end("the bridge stopped")
                await self._workers.stop()
                alerts.cancel()
        except BaseExceptionGroup as ended:
            _, faults = ended.split(PopbridgeError)
            if faults is not None:
                self._log.exception("ended-by-a-fault")
            raise
        finally:
            self._verifier.close()
        self._log.info("stopped")

    async def _close(self, doors: asyncio.Task[None]) -> None:
        """Close the doors, and write down what devices took that could not be written before."""
        doors.cancel()
        await asyncio.wait([doors])
        await self._takings.write()

    async def _note_settings(self) -> None:
        state = self._state
        await note_settings(
            self._config, state.settings, state.digest_key, self._clock, self._log
        )

    async def reload(self) -> None:
        """Take up what another process changed: the register, the certificates."""
        self._state.spool.refresh()
        await self._directory.load()
        if self._workers is not None:
            await self._workers.reconcile()
        self._certificates.reload()
        self._log.info("reloaded")
        await self._telling.tell()

    # ---- building

    def _services(self) -> Services:
        limits = self._config.limits
        return Services(
            spool=self._state.spool,
            locks=self._locks,
            directory=self._directory,
            clock=self._clock,
            nudge=self._nudge,
            machine_limits=MachineLimits(
                limits.command_octets,
                limits.sasl_octets,
                limits.bad_commands,
                limits.failed_logins,
            ),
            limits=SessionLimits(
                limits.login_timeout, limits.autologout, self._config.tls.handshake_timeout
            ),
            is_failing=self._is_failing,
            seen=self._watch.seen,
            logged_in=self._hook.tell,
            manners=self._manners,
            simulations=self._simulations,
            takings=self._takings,
            tracing=self._tracing,
        )

    def _make_workers(self, group: asyncio.TaskGroup) -> Workers:
        sync = self._config.sync
        log = logs.get("sync")
        opener = AccountOpener(self._state.grants, self._clock, log, self._alerting.tell)
        spool, unread = self._state.spool, self._state.unread_headers
        maker = LookerMaker(
            spool, self._locks, self._clock, log, sync, opener, self._shaping, unread
        )
        return Workers(self._directory, maker, group, self._pace())

    def _daily_upkeep(self, workers: Workers) -> DailyUpkeep:
        return DailyUpkeep(
            self._config, self._state, workers, self._alerting.tell, self._clock, self._log
        )

    def _pace(self) -> Pace:
        sync, failing = self._config.sync, self._config.alerts.failing_minutes
        return Pace(sync.interval, sync.nudge_gap, failing * 60.0)

    def _nudge(self, account: AccountName) -> None:
        if self._workers is not None:
            self._workers.nudge(account)

    def _is_failing(self, account: AccountName) -> bool:
        return self._workers is not None and self._workers.is_failing(account)

    # ---- running

    async def _open_doors(self, hangup: asyncio.Event, workers: Workers) -> None:
        watch = PageWatch(
            self._state, self._directory, self._tracing, self._clock, self._watch.write
        )
        control = Control(
            control_path(self._config.state_dir),
            self._verbs(),
            logs.get("control"),
            {
                TRACE: TraceDesk(self._tracing, self._directory).follow,
                FOLLOW_PAGE: watch.follow,
                SIMULATE: SimulationDesk(self._simulations).follow,
            },
        )
        async with asyncio.TaskGroup() as doors:
            opened = asyncio.Event()
            doors.create_task(control.serve(opened), name="control")
            # Only then is the register read: a change made meanwhile is read or told, never lost.
            await opened.wait()
            await self._directory.load()
            await workers.reconcile()
            doors.create_task(self._certificates.watch(), name="certificates")
            doors.create_task(self._watch.run(), name="watch")
            doors.create_task(self._hook.run(), name="login-hook")
            doors.create_task(self._telling.run(), name="audit")
            doors.create_task(self._takings.run(), name="takings")
            doors.create_task(self._reload_on(hangup), name="hangup")
            doors.create_task(self._keep_grants_alive(workers), name="grants")
            upkeep = self._daily_upkeep(workers)
            others = self._watch.forget_old, partial(self._overseer.look, self._directory.load)
            doors.create_task(upkeep.run(others), name="daily")
            for listener in self._listeners:
                doors.create_task(listener.serve(doors), name="listener")
            self._systemd.ready()
            watchdog = Watchdog(self._health, self._systemd, self._clock, logs.get("health"))
            doors.create_task(watchdog.run(), name="watchdog")

    async def _reload_on(self, hangup: asyncio.Event) -> None:
        while True:
            await hangup.wait()
            hangup.clear()
            self._systemd.reloading()
            try:
                await self.reload()
            except PopbridgeError as error:
                self._log.error("reload-failed", why=str(error))
            except Exception:  # noqa: BLE001 - the register as it was goes on being served
                self._log.exception("reload-failed")
            self._systemd.ready()

    async def _keep_grants_alive(self, workers: Workers) -> None:
        while True:
            await self._clock.sleep(GRANT_LOOK_SECONDS)
            try:
                await workers.keep_grants_alive()
                # Another process may have enrolled an account, and died before it could say so.
                await self._directory.load()
                await workers.reconcile()
            except PopbridgeError as error:
                self._log.error("grants-not-looked-at", why=str(error))
            except Exception:  # noqa: BLE001 - the doors stay open whatever a sign-in answers
                self._log.exception("grants-not-looked-at")

    # ---- what the command line may ask

    def _verbs(self) -> dict[str, Callable[[Values], Awaitable[Values]]]:
        return {
            "reload": self._do_reload,
            "sync": self._do_sync,
            "status": self._do_status,
            "health": self._health.answer,
            **self._orders().verbs(),
        }

    def _orders(self) -> Orders:
        return Orders(
            self._config,
            self._state,
            self._locks,
            self._directory,
            self._clock,
            self._shaping,
            self._running_workers,
            self._telling.tell,
        )

    async def _do_reload(self, _request: Values) -> Values:
        await self.reload()
        return {}

    async def _do_sync(self, request: Values) -> Values:
        account = AccountName(str(request["account"]))
        report = await self._running_workers().look_now(account)
        return {"report": attrs.asdict(report)}

    def _running_workers(self) -> Workers:
        if self._workers is None:
            raise StateError("The bridge is only just starting; ask again in a moment.")
        return self._workers

    async def _do_status(self, _request: Values) -> Values:
        return report(
            self._listeners,
            self._caps,
            self._directory,
            self._locks,
            self._workers.statuses() if self._workers else {},
            self._clock.monotonic(),
        )
