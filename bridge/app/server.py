"""Runs the bridge: builds every part, serves until told to stop, stops doors first and the spool last."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import attrs

from bridge import __version__, logs
from bridge.accounts.directory import Directory
from bridge.app.alerting import Alerting
from bridge.app.endings import DAY_SECONDS, certificates_ending, credentials_ending
from bridge.app.health import Health
from bridge.app.memory import tune_allocator
from bridge.app.messages import DROP, REDELIVER, MessageDesk
from bridge.app.opening import AccountOpener
from bridge.app.state import Places, State, certificate_files, open_state, sole_server
from bridge.app.workers import LookerMaker, Workers
from bridge.clock import Clock, SystemClock
from bridge.config import Config
from bridge.connection import shrink_tls_buffers
from bridge.control import Control, Values, control_path
from bridge.errors import ConfigError, PopbridgeError, StateError
from bridge.listener import Listener
from bridge.names import AccountName
from bridge.pop3.events import MachineLimits
from bridge.session import Services, SessionLimits
from bridge.storage.locks import MemoryLocks
from bridge.sync.worker import Pace
from bridge.throttle import ConnectionCaps
from bridge.tls.contexts import TlsContexts
from bridge.tls.issuer import (
    RENEW_BEFORE_DAYS,
    describe_certificates,
    issue_server_certificates,
)
from bridge.tls.wholefile import sweep_drafts
from bridge.vault.passwords import PasswordVerifier

CERTIFICATE_LOOK_SECONDS = 30.0
"""How often the certificate files are looked at: a replaced one is used within this time."""

GRANT_LOOK_SECONDS = 3600.0
"""How often it is seen whether a grant was not used for a day."""


def serve(config: Config, environ: Mapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        OwnerError: it cannot be started; nothing was changed.
    """
    os.umask(0o077)
    logs.configure(config.log.level, config.log.format, sys.stderr)
    tune_allocator()
    shrink_tls_buffers()
    with (
        sole_server(config.state_dir),
        open_state(config, environ) as state,
        asyncio.Runner(loop_factory=_loop_factory(config)) as runner,
    ):
        runner.run(Bridge(config, state, SystemClock()).run())


class Bridge:
    """All parts of one running bridge."""

    def __init__(self, config: Config, state: State, clock: Clock) -> None:
        """Build the parts; must be called where no loop runs yet, or in the loop that will run it."""
        self._config = config
        self._state = state
        self._clock = clock
        self._log = logs.get("bridge")
        self._contexts = TlsContexts(certificate_files(config.tls, state.places))
        self._verifier = PasswordVerifier()
        self._directory = Directory(
            state.register,
            self._verifier,
            state.secrets,
            clock,
            config.limits.failed_login_delay_max,
        )
        self._locks = MemoryLocks(config.limits.takeover_grace)
        self._caps = ConnectionCaps(
            config.limits.connections, config.limits.connections_per_address
        )
        self._alerting = Alerting(config.alerts, logs.get("alerts"))
        self._workers: Workers | None = None
        self._listeners = [
            Listener(cfg, self._services(), self._contexts, self._caps, logs.get("listener"))
            for cfg in config.listener
        ]
        self._health = Health(
            self._listeners, self._caps, self._directory, state.database, clock
        )

    async def run(self) -> None:
        """Serve until SIGINT or SIGTERM; return when everything is stopped.

        Raises:
            NetworkError: an address cannot be listened on.
        """
        stop = _stop_signal()
        try:
            for listener in self._listeners:
                listener.bind()
            await self._state.spool.sweep_orphans()
            sweep_drafts(self._state.places.tls)
            async with asyncio.TaskGroup() as group:
                self._workers = self._make_workers(group)
                alerts = group.create_task(self._alerting.run(), name="alerts")
                doors = group.create_task(self._open_doors(self._workers), name="doors")
                await stop.wait()
                self._log.info("stopping")
                doors.cancel()
                await asyncio.wait([doors])
                await self._workers.stop()
                alerts.cancel()
        finally:
            self._verifier.close()
        self._log.info("stopped")

    async def reload(self) -> None:
        """Take up what another process changed: the register, the certificates."""
        self._state.spool.refresh()
        await self._directory.load()
        if self._workers is not None:
            await self._workers.reconcile()
        self._reload_certificates()
        self._log.info("reloaded")

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
        )

    def _make_workers(self, group: asyncio.TaskGroup) -> Workers:
        sync = self._config.sync
        log = logs.get("sync")
        opener = AccountOpener(self._state.grants, self._clock, log, self._alerting.tell)
        maker = LookerMaker(self._state.spool, self._locks, self._clock, log, sync, opener)
        return Workers(self._directory, maker, group, self._pace())

    def _pace(self) -> Pace:
        sync, failing = self._config.sync, self._config.alerts.failing_minutes
        return Pace(sync.interval, sync.nudge_gap, failing * 60.0)

    def _nudge(self, account: AccountName) -> None:
        if self._workers is not None:
            self._workers.nudge(account)

    def _is_failing(self, account: AccountName) -> bool:
        return self._workers is not None and self._workers.is_failing(account)

    # ---- running

    async def _open_doors(self, workers: Workers) -> None:
        control = Control(
            control_path(self._config.state_dir), self._verbs(), logs.get("control")
        )
        async with asyncio.TaskGroup() as doors:
            opened = asyncio.Event()
            doors.create_task(control.serve(opened), name="control")
            # Only then is the register read: a change made meanwhile is read or told, never lost.
            await opened.wait()
            await self._directory.load()
            await workers.reconcile()
            doors.create_task(self._watch_certificates(), name="certificates")
            doors.create_task(self._reload_on_hangup(), name="hangup")
            doors.create_task(self._keep_grants_alive(workers), name="grants")
            doors.create_task(self._look_after_the_house(workers), name="daily")
            for listener in self._listeners:
                doors.create_task(listener.serve(doors), name="listener")

    async def _reload_on_hangup(self) -> None:
        hangup = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
        while True:
            await hangup.wait()
            hangup.clear()
            try:
                await self.reload()
            except PopbridgeError as error:
                self._log.error("reload-failed", why=str(error))
            except Exception:  # noqa: BLE001 - the register as it was goes on being served
                self._log.exception("reload-failed")

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

    async def _look_after_the_house(self, workers: Workers) -> None:
        """Say once a day what ends soon, and forget what is no longer to be told."""
        alerts = self._config.alerts
        while True:
            now = self._clock.now()
            try:
                for alert in certificates_ending(self._config, now):
                    self._alerting.tell(alert)
                grants = self._state.grants
                for alert in await credentials_ending(
                    workers.open_accounts(), grants, alerts.certificate_days, now
                ):
                    self._alerting.tell(alert)
                await self._state.spool.prune(
                    now - self._config.spool.history_days * DAY_SECONDS
                )
            except PopbridgeError as error:
                self._log.error("daily-look-failed", why=str(error))
            except Exception:  # noqa: BLE001 - the doors stay open whatever a certificate holds
                self._log.exception("daily-look-failed")
            await self._clock.sleep(DAY_SECONDS)

    async def _watch_certificates(self) -> None:
        while True:
            if not self._config.tls.certificates:
                await asyncio.to_thread(self._renew_if_due)
            self._reload_certificates()
            await self._clock.sleep(CERTIFICATE_LOOK_SECONDS)

    def _reload_certificates(self) -> None:
        try:
            if self._contexts.reload_if_changed():
                self._log.info("certificates-reloaded")
        except StateError as error:
            self._log.error("certificates-kept", why=str(error))

    def _renew_if_due(self) -> None:
        places = Places(self._config.state_dir)
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        try:
            infos = [
                info
                for files in certificate_files(self._config.tls, places)
                for info in describe_certificates(files.certificate)
            ]
            end = describe_certificates(places.tls / "ca.pem")[0].not_after - timedelta(days=1)
            if any(
                (info.not_after - now).days < RENEW_BEFORE_DAYS and info.not_after < end
                for info in infos
            ):
                issue_server_certificates(places.tls, self._config.tls.names, now)
                self._log.info("certificates-renewed")
        except StateError as error:
            self._log.error("renewal-failed", why=str(error))

    # ---- what the command line may ask

    def _verbs(self) -> dict[str, Callable[[Values], Awaitable[Values]]]:
        return {
            "reload": self._do_reload,
            "sync": self._do_sync,
            "status": self._do_status,
            "health": self._health.answer,
            REDELIVER: self._do_redeliver,
            DROP: self._do_drop,
        }

    async def _do_reload(self, _request: Values) -> Values:
        await self.reload()
        return {}

    async def _do_sync(self, request: Values) -> Values:
        account = AccountName(str(request["account"]))
        report = await self._running_workers().look_now(account)
        return {"report": attrs.asdict(report)}

    async def _do_redeliver(self, request: Values) -> Values:
        desk, number = self._desk(), int(request["message"])
        said = await desk.redeliver(number)
        self._running_workers().look_soon(await desk.account_of(number))
        return {"said": said}

    async def _do_drop(self, request: Values) -> Values:
        desk, number = self._desk(), int(request["message"])
        account = await desk.account_of(number)
        said = await desk.drop(number, dispose=bool(request["dispose"]))
        self._running_workers().look_soon(account)
        return {"said": said}

    def _desk(self) -> MessageDesk:
        return MessageDesk(
            self._state.spool,
            self._state.histories,
            self._locks,
            lambda: self._directory.snapshot,
            self._running_workers().mailbox_of,
            self._config.sync.message_octets,
        )

    def _running_workers(self) -> Workers:
        if self._workers is None:
            raise StateError("The bridge is only just starting; ask again in a moment.")
        return self._workers

    async def _do_status(self, _request: Values) -> Values:
        statuses = self._workers.statuses() if self._workers else {}
        return {
            "version": __version__,
            "connections": self._caps.open_connections,
            "listeners": [
                {"name": cfg.name, "bind": cfg.bind, "port": listener.port, "tls": cfg.tls}
                for cfg, listener in zip(self._config.listener, self._listeners, strict=True)
            ],
            "accounts": {name: attrs.asdict(status) for name, status in statuses.items()},
            "sessions": [
                drop.name
                for drop in self._directory.snapshot.maildrops
                if self._locks.is_held(drop.name)
            ],
        }


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def _loop_factory(config: Config) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the configured event loop; None is stock asyncio."""
    if config.event_loop == "asyncio":
        return None
    try:
        import uvloop  # noqa: PLC0415 - an extra, imported only where it is wanted
    except ImportError:
        if config.event_loop == "auto":
            return None
        raise ConfigError(
            'event_loop = "uvloop" needs the extra: pip install "popbridge[speed]";'
            ' or choose "auto".'
        ) from None
    return uvloop.new_event_loop
