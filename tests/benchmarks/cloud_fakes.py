"""Run the fake cloud as a program of its own, told what to do by lines of JSON: one in, one out.

It is its own process so that what it takes to imitate a service is not charged to the bridge. The times it tells
are those of the monotonic clock, which every process of a machine shares.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.fakes.cloud import Cloud
from tests.fakes.gmail_store import Pieces
from tests.fakes.graph_store import made_of
from tests.fakes.service import Asked, Service

_LINE = b"TWFpbCBvZiBhIGJlbmNobWFyaywgYXMgYmFzZTY0IGluIGxpbmVzIG9mIDc2IHNpZ25zLiBv\r\n"
_KEPT_OCTETS = 1_000_000  # a longer message is made as it is sent


class StampedRequests(list[Asked]):
    """The requests a service was asked, and when each came, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def append(self, asked: Asked) -> None:
        self.times.append(time.monotonic())
        super().append(asked)


def where(cloud: Cloud) -> dict[str, Any]:
    """Tell what the command line must be given."""
    return {
        "ca": str(cloud.ca_file),
        "authority": cloud.entra.url,
        "client_id": cloud.entra.client_id,
        "graph": cloud.graph.url,
        "gmail": cloud.gmail.url,
        "token": f"{cloud.google_signin.url}/token",
        "client_file": cloud.google_signin.client_file(),
    }


def put(cloud: Cloud, *, service: str, count: int, octets: int) -> float:
    """Let that many messages arrive, and tell when."""
    for number in range(count):
        message = _message(number, octets)
        whole = message if octets > _KEPT_OCTETS else b"".join(message.make())
        if service == "graph":
            cloud.graph.mailbox.put(whole)
        else:
            cloud.gmail.mailbox.put(whole)
    return time.monotonic()


def clear(cloud: Cloud) -> None:
    """Remove all mail, and answer without delay again."""
    for graph_id in list(cloud.graph.mailbox.messages):
        cloud.graph.mailbox.remove(graph_id)
    for gmail_id in list(cloud.gmail.mailbox.messages):
        cloud.gmail.mailbox.remove(gmail_id)
    for service in cloud.services:
        service.latency = 0.0


def latency(cloud: Cloud, *, service: str, seconds: float) -> None:
    """Let every answer of a service wait for so long."""
    _service(cloud, service).latency = seconds


def asked(cloud: Cloud, *, service: str, pattern: str, since: float) -> list[float]:
    """Tell when the requests came whose "METHOD path?query" matches, from a moment on."""
    requests = _service(cloud, service).asked
    assert isinstance(requests, StampedRequests)
    wanted = re.compile(pattern)
    return [
        when
        for when, one in zip(requests.times, requests, strict=True)
        if when >= since and wanted.search(f"{one.method} {one.raw_path}")
    ]


def approve(cloud: Cloud, *, code: str) -> None:
    """Play the admin who types a device code."""
    cloud.entra.approve(code)


def authorize(cloud: Cloud, *, address: str) -> str:
    """Play the admin's browser, and tell the address it ends at."""
    return cloud.google_signin.authorize(address)


def violations(cloud: Cloud) -> list[str]:
    """Tell how either side broke a contract, once."""
    found = [one for service in cloud.services for one in service.violations]
    for service in cloud.services:
        service.violations.clear()
    return found


WORDS: Mapping[str, Callable[..., object]] = {
    word.__name__: word
    for word in (where, put, clear, latency, asked, approve, authorize, violations)
}


async def main(folder: Path) -> None:
    """Do what is asked on standard input until it ends."""
    async with Cloud(folder) as cloud:
        cloud.entra.device_interval = 1
        cloud.gmail.units_per_minute = None
        for service in cloud.services:
            service.asked = StampedRequests()
        while line := await asyncio.to_thread(sys.stdin.readline):
            words = json.loads(line)
            told = WORDS[words.pop("do")](cloud, **words)
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


def _service(cloud: Cloud, name: str) -> Service:
    return {"graph": cloud.graph, "gmail": cloud.gmail, "entra": cloud.entra}[name]


def _message(number: int, octets: int) -> Pieces:
    lines = (
        "From: Scanner <scanner@example.org>",
        "To: Printer <printer@example.com>",
        f"Subject: benchmark {number}",
        f"Message-ID: <benchmark.{octets}.{number}@example.org>",
        "Date: Tue, 14 Nov 2023 22:13:20 +0000",
        "MIME-Version: 1.0",
        "Content-Type: application/octet-stream",
        "Content-Transfer-Encoding: base64",
    )
    return made_of(_LINE, octets, "\r\n".join((*lines, "", "")).encode("ascii"))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
