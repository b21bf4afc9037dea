"""The owner's program hears of every alert, and whatever it does harms nothing."""

import asyncio
import json
import os
from pathlib import Path

import attrs
import pytest

from bridge import logs
from bridge.alerts import Alert, AlertReason
from bridge.app.hooks import alerts as alerting
from bridge.app.hooks.alerts import WAITING_ALERTS, Alerting
from bridge.config import AlertsConfig
from bridge.errors import SpoolUnavailable
from tests.unit.connected import SOON, Turn

ALERT = Alert(AlertReason.GRANT_LOST, 'revoked; "enrol" it\nanew $(date)', "office", "m")


def program(folder: Path, body: str) -> str:
    path = folder / "tell-me"
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o700)
    return str(path)


class Kept:
    """Alerts that lie at rest until they were told."""

    def __init__(self, *alerts: Alert) -> None:
        self.alerts = list(alerts)
        self.is_full = False

    async def untold(self) -> list[Alert]:
        if self.is_full:
            raise SpoolUnavailable("the disk hangs")
        return self.alerts

    async def told(self, alert: Alert) -> None:
        if self.is_full:
            raise SpoolUnavailable("the disk is full")
        self.alerts = [one for one in self.alerts if one != alert]


def place_of(kept: Kept, *command: str) -> Alerting:
    return Alerting(AlertsConfig(command=command), kept, logs.get("alerts"))


async def told(command: tuple[str, ...], *alerts: Alert) -> None:
    """Tell alerts and stop, which waits for the program for a while."""
    place = place_of(Kept(), *command)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.run())
        await Turn()  # until it waits for alerts
        for alert in alerts:
            place.tell(alert)
        task.cancel()


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.msg for record in caplog.records]


async def test_the_program_gets_the_alert_as_json_and_in_its_environment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = f'cat > {tmp_path}/json; printf %s "$POPBRIDGE_TEXT" > {tmp_path}/text'
    await told((program(tmp_path, body), "an argument"), ALERT)
    assert json.loads((tmp_path / "json").read_bytes()) == {
        "reason": "grant-lost",
        "text": ALERT.text,
        "account": "office",
        "maildrop": "m",
        "device": "",
    }
    assert (tmp_path / "text").read_text("utf-8") == ALERT.text
    assert events(caplog) == ["alert"]


async def test_the_program_sees_nothing_else_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPBRIDGE_MASTER_KEY", "very secret")
    await told((program(tmp_path, f"env > {tmp_path}/env"),), ALERT)
    names = {
        line.partition("=")[0]
        for line in (tmp_path / "env").read_text("utf-8").splitlines()
        if "=" in line
    }
    assert "POPBRIDGE_MASTER_KEY" not in names
    assert "POPBRIDGE_REASON" in names


async def test_what_no_environment_can_hold_reaches_the_program_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An alert's text may hold a service's own words, and JSON can spell anything."""
    odd = attrs.evolve(ALERT, text="no\0way\ud800")
    body = f'cat > {tmp_path}/json; printf %s "$POPBRIDGE_TEXT" > {tmp_path}/text'
    await told((program(tmp_path, body),), odd)
    assert json.loads((tmp_path / "json").read_bytes())["text"] == odd.text
    assert (tmp_path / "text").read_text("utf-8") == "no way?"
    assert events(caplog) == ["alert"]


async def test_a_program_that_no_system_could_start_is_told_and_harms_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    if type(asyncio.get_running_loop()).__module__.startswith("uvloop"):
        pytest.skip("uvloop cuts such an argument short, and starts the program")
    await told(("/bin/true", "a\0b"), ALERT)
    assert events(caplog) == ["alert", "alert-program-failed"]


async def test_without_a_program_the_log_tells_it(caplog: pytest.LogCaptureFixture) -> None:
    await told((), ALERT)
    (record,) = caplog.records
    assert (record.msg, record.levelname) == ("alert", "ERROR")


@pytest.mark.parametrize(
    ("body", "why"), [("exit 3", "exit code 3"), (None, "No such file or directory")]
)
async def test_a_program_that_fails_is_told_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, body: str | None, why: str
) -> None:
    path = program(tmp_path, body) if body else str(tmp_path / "missing")
    await told((path,), ALERT, ALERT)
    assert events(caplog) == [
        "alert",
        "alert",
        "alert-program-failed",
        "alert-program-failed",
    ]
    assert why in str(vars(caplog.records[-1])["event_fields"])


async def test_a_program_that_hangs_is_killed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "PROGRAM_SECONDS", 0.1)
    await told((program(tmp_path, "exec sleep 600"),), ALERT)
    assert "was killed" in str(vars(caplog.records[-1])["event_fields"])


async def test_what_a_program_that_hangs_has_started_is_killed_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "PROGRAM_SECONDS", 1.0)
    pipe = tmp_path / "open while one of them lives"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    await told((program(tmp_path, f"sleep 600 > '{pipe}'; true"),), ALERT)
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b""
    os.close(reading)


async def test_a_program_that_complains_without_end_is_killed_and_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of it would warn, and a warning fails a test."""
    monkeypatch.setattr(alerting, "PROGRAM_SECONDS", 0.5)
    await told((program(tmp_path, "exec yes >&2"),), ALERT)
    assert "was killed" in str(vars(caplog.records[-1])["event_fields"])


async def test_what_a_program_complains_of_first_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = "echo no route to mail >&2; yes >&2 & kill $!; wait; exit 7"
    await told((program(tmp_path, body),), ALERT)
    assert "exit code 7: no route to mail" in str(vars(caplog.records[-1])["event_fields"])


async def test_a_program_that_does_not_read_its_alert_is_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await told((program(tmp_path, "exec <&-"),), attrs.evolve(ALERT, text="x" * 100_000))
    assert events(caplog) == ["alert"]


async def test_a_fault_while_a_program_runs_is_logged_and_the_next_alert_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "run_program", None)
    await told((program(tmp_path, "true"),), ALERT, ALERT)
    assert events(caplog)[2:] == ["alert-program-failed"] * 2


async def test_a_flood_of_alerts_is_bounded_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = place_of(Kept(), str(tmp_path / "x"))
    for _ in range(WAITING_ALERTS + 5):
        place.tell(ALERT)
    assert events(caplog).count("alert") == WAITING_ALERTS + 5
    assert events(caplog).count("alert-program-skipped") == 5


# ---- what is kept until it was told


OTHER = attrs.evolve(ALERT, text="another")


async def test_what_a_kill_left_is_told_at_the_next_start_and_then_let_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Kept(ALERT, OTHER)
    place = place_of(kept, program(tmp_path, f"cat >> {tmp_path}/json"))
    await place.tell_what_a_kill_left()
    assert kept.alerts == [ALERT, OTHER]
    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.run())
        while kept.alerts:
            await Turn()
        task.cancel()
    assert (tmp_path / "json").read_text("utf-8").count('"reason"') == 2
    assert events(caplog) == ["alert", "alert"]


@pytest.mark.parametrize("body", ["exit 3", None])
async def test_a_program_that_fails_was_told_all_the_same(
    tmp_path: Path, body: str | None
) -> None:
    kept = Kept(ALERT)
    place = place_of(kept, *([program(tmp_path, body)] if body else []))
    await place.tell_what_a_kill_left()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.run())
        while kept.alerts:
            await Turn()
        task.cancel()


async def test_an_end_while_the_program_runs_leaves_the_alert_to_the_next_start(
    tmp_path: Path,
) -> None:
    kept, begun = Kept(ALERT), tmp_path / "begun"
    place = place_of(kept, program(tmp_path, f"echo > {begun}; exec sleep 600"))
    await place.tell_what_a_kill_left()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.run())
        while not begun.exists():
            await Turn()
        task.cancel()
    assert kept.alerts == [ALERT]


async def test_where_nothing_can_be_read_or_written_alerts_are_told_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = Kept()
    kept.is_full = True
    place = place_of(kept)
    await place.tell_what_a_kill_left()
    place.tell(ALERT)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.run())
        await Turn()
        task.cancel()
    assert events(caplog) == ["alerts-not-read", "alert", "alert-not-noted"]


async def test_an_end_while_the_program_is_being_started_comes_all_the_same(
    tmp_path: Path,
) -> None:
    kept = Kept(ALERT, OTHER)
    place = place_of(kept, program(tmp_path, f"cat >> {tmp_path}/json"))
    await place.tell_what_a_kill_left()
    async with asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        task = group.create_task(place.run())
        await Turn()  # the kernel has it started, the loop does not know of it yet
        task.cancel()
    assert kept.alerts == [ALERT]
