"""Systemd hears that we are alive when we are, and nothing when we are not."""

import asyncio
from collections.abc import Sequence

import attrs
import pytest

from bridge import logs
from bridge.app.health.watchdog import Watchdog
from bridge.app.health.wellness import Part, Wellness
from bridge.app.process.systemd import Systemd
from tests.fakes.clock import FakeClock

WELL = Part("database", Wellness.OK, "can be written")
BUSY = Part("login", Wellness.BUSY, "every place is taken")
UNTRIED = Part("login", Wellness.UNTRIED, "cannot be tried")
LOCKED = Part("database", Wellness.FAILED, "it is locked")
ENDED = Part("certificate", Wellness.FAILED, "ended", mended_by_restart=False)

FAULT = Part("fault", Wellness.FAILED, "a fault of ours")


@attrs.define
class Findings:
    """Finds what a test says, one after the other, and then is not to be had."""

    left: list[list[Part]]

    async def examine(self) -> list[Part]:
        if not self.left:
            raise asyncio.CancelledError
        parts = self.left.pop(0)
        if FAULT in parts:
            raise ExceptionGroup("a task", [ValueError("nothing of this is told")])
        return parts


class Heard(Systemd):
    """A systemd that remembers what it was told."""

    def __init__(self, seconds: str = "60000000") -> None:
        environ = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": seconds}
        super().__init__(environ, FakeClock(), logs.get("systemd"))
        self.said: list[tuple[str, ...]] = []

    def _tell(self, *lines: str) -> None:
        self.said.append(lines)


async def watched(*findings: Sequence[Part]) -> tuple[list[tuple[str, ...]], list[float]]:
    """Return what systemd was told, and the seconds waited between."""
    clock, systemd = FakeClock(), Heard()
    health = Findings([list(parts) for parts in findings])
    with pytest.raises(asyncio.CancelledError):
        await Watchdog(health, systemd, clock, logs.get("health")).run()
    return systemd.said, clock.slept


@pytest.mark.parametrize(
    ("part", "status"),
    [
        (WELL, "serving devices"),
        (BUSY, "login: every place is taken"),
        (UNTRIED, "login: cannot be tried"),
        (ENDED, "certificate: ended"),
    ],
)
async def test_who_is_well_busy_or_in_need_of_more_than_a_restart_is_alive(
    part: Part, status: str
) -> None:
    said, slept = await watched([part, WELL])
    assert said == [("WATCHDOG=1", f"STATUS={status}")]
    assert slept == [30.0]


async def test_who_is_not_well_is_not_alive_and_is_looked_at_sooner() -> None:
    said, slept = await watched([WELL], [BUSY, LOCKED], [WELL])
    assert [lines[0] for lines in said] == [
        "WATCHDOG=1",
        "STATUS=login: every place is taken; database: it is locked",
        "WATCHDOG=1",
    ]
    assert slept == [30.0, 7.5, 30.0]


async def test_a_trouble_is_logged_once_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    await watched([WELL], [LOCKED], [LOCKED], [ENDED], [WELL], [WELL])
    assert [record.msg for record in caplog.records] == [
        "health-failed",
        "health-failed",
        "health-recovered",
    ]


async def test_a_fault_in_the_examination_ends_nothing_and_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The doors are not to close because we cannot tell how they are."""
    caplog.set_level("INFO")
    said, _ = await watched([FAULT], [FAULT], [WELL])
    assert said[0] == (
        "WATCHDOG=1",
        "STATUS=examination: failed by a fault of ours (ExceptionGroup); see the log",
    )
    assert said[-1] == ("WATCHDOG=1", "STATUS=serving devices")
    assert [record.msg for record in caplog.records] == [
        "health-not-examined",
        "health-failed",
        "health-recovered",
    ]


async def test_where_systemd_does_not_want_to_know_nothing_is_examined() -> None:
    systemd = Heard("0")
    await Watchdog(Findings([]), systemd, FakeClock(), logs.get("health")).run()
    assert systemd.said == []
