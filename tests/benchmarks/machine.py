"""Say on what machine, and with what versions, a table was made, and which cores were used for what."""

import importlib.metadata
import os
import platform
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path

import dovecot


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where: the server on one core, the client on another."""

    server: frozenset[int]
    client: int | None
    spread: frozenset[int]
    """Every core but the client's, for figures of wall time."""
    every: frozenset[int]


def cores() -> Cores:
    """Choose the cores; on a machine with one, everybody shares it and nobody is pinned."""
    have = sorted(os.sched_getaffinity(0))
    if len(have) == 1:
        return Cores(frozenset(have), None, frozenset(have), frozenset(have))
    client = have[1]
    return Cores(frozenset(have[:1]), client, frozenset(have) - {client}, frozenset(have))


def facts(rounds: int) -> dict[str, str]:
    """Return what a reader must know before comparing this table with another."""
    chosen = cores()
    pinned = f"server on core {min(chosen.server)}, client on core {chosen.client}"
    return {
        "CPU": _cpu_model(),
        "cores": f"{len(os.sched_getaffinity(0))}; {pinned if chosen.client is not None else 'not pinned'}",
        "load before": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": sys.version.split()[0],
        "OpenSSL": ssl.OPENSSL_VERSION,
        "popbridge": _installed("popbridge"),
        "uvloop": _installed("uvloop"),
        "Dovecot": dovecot.version() or "not installed",
        "rounds": str(rounds),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
