"""Goes through everything a bridge needs and says of each whether it is in order, and what to do."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bridge import logs
from bridge.app.accounts.examination import Finding, credential, look_briefly
from bridge.app.accounts.opener import AccountOpener, OpenAccount
from bridge.app.accounts.workers import shaping_processes
from bridge.app.state import Places, State, certificate_files, open_state
from bridge.app.watch.exposure import Watched, exposed
from bridge.app.watch.openness import open_to_others
from bridge.app.watch.sightings import look_back
from bridge.clock import SystemClock
from bridge.config import Config, ListenerConfig, LoginHookConfig
from bridge.control import STATUS_SECONDS, ask
from bridge.errors import OwnerError, PopbridgeError
from bridge.listener import listening_socket
from bridge.shaper.processes import ShapingProcesses
from bridge.storage.register import Account, RegisterSnapshot
from bridge.tls.contexts import TlsContexts
from bridge.tls.issuer import RENEW_BEFORE_DAYS, CertificateInfo, describe_certificates
from providers.contract import FolderName, ProviderError

ANSWER_SECONDS = 5.0
"""How long a neighbour's socket may take to be connected to."""


def examine(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for every part, in the order in which they depend on each other."""
    try:
        with open_state(config, environ) as state:
            others = open_to_others(state.places)
            text = others or f"{config.state_dir}, key fits"
            yield Finding("state folder", ok=not others, text=text)
            yield _tried("database", lambda: asyncio.run(_verified(state)))
            snapshot, accounts = asyncio.run(_look(state))
            watched = asyncio.run(_watched(state))
    except PopbridgeError as error:
        yield Finding("state folder", ok=False, text=str(error))
        return
    yield from _certificates(config)
    yield from _listeners(config)
    yield from _exposed(config, watched, snapshot)
    yield confinement(shaping_processes(config))
    yield from _alert_program(config)
    yield from _login_hook(config.login_hook)
    yield from _register(snapshot)
    yield from accounts


def confinement(processes: ShapingProcesses) -> Finding:
    """Say what confines shaping processes; one is started as for a message, since nothing else tells."""
    try:
        lacking = asyncio.run(processes.lack())
    except PopbridgeError as error:
        text = f"{error}; mail whose maildrop has it shaped waits"
        return Finding("shaping", ok=False, text=text)
    if lacking:
        text = f"its processes are confined by limits only: {lacking}"
        return Finding("shaping", ok=True, text=text, note=True)
    return Finding("shaping", ok=True, text="its processes have no system call to reach out by")


async def _verified(state: State) -> str:
    await state.database.verify()
    return "whole"


async def _look(state: State) -> tuple[RegisterSnapshot, list[Finding]]:
    snapshot = await state.register.snapshot()
    opener = AccountOpener(state.grants, SystemClock(), logs.get("check"))
    return snapshot, [await _account(one, snapshot, opener) for one in snapshot.accounts]


async def _watched(state: State) -> Watched:
    return await look_back(state.sightings, SystemClock().now())


def _exposed(config: Config, watched: Watched, snapshot: RegisterSnapshot) -> Iterator[Finding]:
    by_apop = {one.name for one in snapshot.devices if one.apop_secret is not None}
    for one in exposed(config.listener, watched, by_apop):
        yield Finding(f"listener {one.listener}", not one.fails, one.text, note=not one.fails)


def _certificates(config: Config) -> Iterator[Finding]:
    files = certificate_files(config.tls, Places(config.state_dir))

    def load() -> str:
        TlsContexts(files)
        return f"{len(files)} pairs"

    yield _tried("certificates load", load)
    now = datetime.fromtimestamp(SystemClock().now(), UTC)
    paths = [pair.certificate for pair in files]
    paths += [] if config.tls.certificates else [Places(config.state_dir).tls / "ca.pem"]
    for path in paths:
        try:
            info = describe_certificates(path)[0]
        except PopbridgeError as error:
            yield Finding("certificate", ok=False, text=str(error))
            continue
        if info.kind != "ca" and not config.tls.certificates:
            yield from _names_differ(info, config)
        days = (info.not_after - now).days
        text = f"{info.path.name} ends in {days} days"
        if days < RENEW_BEFORE_DAYS:
            text += _how_to_renew(info)
        yield Finding("certificate", ok=days >= RENEW_BEFORE_DAYS, text=text)


def _names_differ(info: CertificateInfo, config: Config) -> Iterator[Finding]:
    missing = [name for name in config.tls.names if name not in info.names]
    if missing:
        text = (
            f"{info.path.name} does not name {', '.join(missing)}; run `popbridge cert renew`"
        )
        yield Finding("certificate", ok=False, text=text)


def _how_to_renew(info: CertificateInfo) -> str:
    if info.kind == "ca":
        return "; remove ca.pem, run `popbridge init`, and import the new CA into the devices"
    return "; run `popbridge cert renew`, or replace your own files"


def _listeners(config: Config) -> Iterator[Finding]:
    try:
        running = ask(config.state_dir, "status", within=STATUS_SECONDS)
    except OwnerError as error:
        yield Finding("running bridge", ok=False, text=str(error))
        return
    if running is None:
        for cfg in config.listener:
            yield _tried(f"listener {cfg.name}", partial(_bind_briefly, cfg))
    elif _listens_as_configured(running["listeners"], config.listener):
        yield Finding("listeners", ok=True, text="the bridge is running and holds its ports")
    else:
        text = (
            "the running bridge has others than config.toml names; restart it to take that up"
        )
        yield Finding("listeners", ok=False, text=text)


def _listens_as_configured(
    held: Sequence[Mapping[str, object]], wanted: Sequence[ListenerConfig]
) -> bool:
    return len(held) == len(wanted) and all(
        (one["name"], one["bind"], one["tls"]) == (cfg.name, cfg.bind, cfg.tls)
        and cfg.port in (one["port"], 0)  # at 0 the system chose one
        for one, cfg in zip(held, wanted, strict=True)
    )


def _bind_briefly(cfg: ListenerConfig) -> str:
    listening_socket(cfg).close()
    exposed = "" if cfg.policy == "modern" else f", old TLS admitted ({cfg.policy})"
    exposed += "" if cfg.require_tls_for_auth else ", passwords without TLS admitted"
    return f"{cfg.bind} port {cfg.port} is free, TLS {cfg.tls}{exposed}"


def _alert_program(config: Config) -> Iterator[Finding]:
    if config.alerts.command:
        yield _program("alert program", config.alerts.command[0], "[alerts] command")


def _login_hook(config: LoginHookConfig) -> Iterator[Finding]:
    if config.command:
        yield _program("login hook", config.command[0], "[login_hook] command")
    if config.socket:
        with socket.socket(socket.AF_UNIX) as trying:
            trying.settimeout(ANSWER_SECONDS)
            try:
                trying.connect(config.socket)
            except OSError as error:
                why = error.strerror or "no answer"
                text = f"nobody takes logins at {config.socket} ({why}); start what reads there, or mend"
                yield Finding("login hook", ok=False, text=f"{text} [login_hook] socket")
            else:
                yield Finding("login hook", ok=True, text=f"{config.socket} takes logins")


def _program(subject: str, program: str, key: str) -> Finding:
    if Path(program).is_file() and os.access(program, os.X_OK):
        return Finding(subject, ok=True, text=f"{program} can be run")
    return Finding(
        subject, ok=False, text=f"{program} is missing or cannot be run; mend it, or {key}"
    )


def _register(snapshot: RegisterSnapshot) -> Iterator[Finding]:
    """Say where the way from a mailbox to a machine is not complete."""
    only_logs_in = any(device.maildrop is None for device in snapshot.devices)
    if not snapshot.accounts and not only_logs_in:
        yield Finding("accounts", ok=False, text="none yet; run `popbridge account add --help`")
    for account in snapshot.accounts:
        if not any(drop.account == account.name for drop in snapshot.maildrops):
            text = "no maildrop shows it; run `popbridge maildrop add --help`"
            yield Finding(f"account {account.name}", ok=False, text=text)
    for drop in snapshot.maildrops:
        if not any(device.maildrop == drop.name for device in snapshot.devices):
            text = "no device may open it; run `popbridge device add --help`"
            yield Finding(f"maildrop {drop.name}", ok=False, text=text)


async def _account(
    account: Account, snapshot: RegisterSnapshot, opener: AccountOpener
) -> Finding:
    """Look at every folder that is shown of an account."""
    subject = f"account {account.name}"
    folders = {drop.folder for drop in snapshot.maildrops if drop.account == account.name}
    try:
        opened = opener.open(account)
    except ValueError as error:
        return Finding(subject, ok=False, text=f"{error}; add it anew")
    try:
        for folder in folders or {FolderName("")}:
            await look_briefly(opened.mailbox, folder)
        ending = await _ending(account, opened, opener)
    except (ProviderError, PopbridgeError) as error:
        more = "" if not account.enrolment else f" (popbridge account check {account.name})"
        return Finding(subject, ok=False, text=f"{error}{more}")
    finally:
        await opened.close()
    if ending is not None and not ending.ok:
        return Finding(subject, ok=False, text=ending.text)
    return Finding(subject, ok=True, text="its mailbox answers")


async def _ending(
    account: Account, opened: OpenAccount, opener: AccountOpener
) -> Finding | None:
    """Return what is to be said of a secret or certificate whose end is known."""
    kept = None if opened.identity is None else await opener.grants.load(account.name)
    if kept is None or opened.identity is None:
        return None
    ends = opened.identity.ends(kept.grant)
    return None if ends is None else credential(ends, SystemClock().now())


def _tried(subject: str, work: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, ok=True, text=work())
    except PopbridgeError as error:
        return Finding(subject, ok=False, text=str(error))
