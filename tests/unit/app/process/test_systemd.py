"""What systemd is told, and that nothing is where it did not ask."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge import logs
from bridge.app.process.systemd import Systemd
from tests.fakes.clock import FakeClock

MINUTE = "60000000"


class Manager:
    """The end at which systemd listens."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(20)

    def heard(self) -> list[str]:
        return self.socket.recv(4096).decode().split("\n")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.socket.close()


def systemd(environ: dict[str, str]) -> Systemd:
    return Systemd(environ, FakeClock(12.5), logs.get("systemd"))


@pytest.fixture
def ours(manager: Manager) -> Systemd:
    return systemd({"NOTIFY_SOCKET": str(manager.socket.getsockname())})


def test_each_step_of_a_service_has_its_message(ours: Systemd, manager: Manager) -> None:
    """sd_notify(3) names them; a reload carries the time, as notify-reload wants it."""
    ours.ready()
    assert manager.heard() == ["READY=1", "STATUS=serving devices"]
    ours.reloading()
    assert manager.heard() == ["RELOADING=1", "MONOTONIC_USEC=12500000", "STATUS=reloading"]
    ours.alive("all is well")
    assert manager.heard() == ["WATCHDOG=1", "STATUS=all is well"]
    ours.unwell("database: locked")
    assert manager.heard() == ["STATUS=database: locked"]
    ours.stopping()
    assert manager.heard() == ["STOPPING=1", "STATUS=stopping"]


@pytest.mark.parametrize("say", [Systemd.alive, Systemd.unwell])
def test_a_reload_makes_nothing_well(
    ours: Systemd, manager: Manager, say: Callable[[Systemd, str], None]
) -> None:
    say(ours, "disk: nearly full")
    ours.reloading()
    ours.ready()
    heard = [manager.heard() for _ in range(3)]
    assert heard[-1] == ["READY=1", "STATUS=disk: nearly full"]


def test_no_text_can_smuggle_in_a_message_of_its_own(ours: Systemd, manager: Manager) -> None:
    ours.unwell("locked\nWATCHDOG=1\r\nREADY=1")
    assert manager.heard() == ["STATUS=locked WATCHDOG=1 READY=1"]


def test_the_abstract_namespace_is_meant_by_an_at_sign() -> None:
    """unix(7); containers use it."""
    name = f"popbridge-test-{os.getpid()}"
    manager = Manager(f"\0{name}")
    with manager.socket:
        systemd({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert manager.heard()[0] == "READY=1"


def test_children_inherit_nothing_to_speak_with() -> None:
    environ = {
        "NOTIFY_SOCKET": "/run/notify",
        "WATCHDOG_USEC": MINUTE,
        "WATCHDOG_PID": str(os.getpid()),
        "LANG": "C",
    }
    assert systemd(environ).watchdog_seconds == 60.0
    assert environ == {"LANG": "C"}


@pytest.mark.parametrize("pid", ["1", "nonsense"])
def test_a_watchdog_for_another_process_is_none_of_ours(pid: str) -> None:
    environ = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": MINUTE, "WATCHDOG_PID": pid}
    assert systemd(environ).watchdog_seconds is None
    assert environ == {}


@pytest.mark.parametrize("said", ["", "0", "-5", "soon", "٣", "1.5"])
def test_a_watchdog_time_that_is_none_asks_for_nothing(said: str) -> None:
    environ = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": said}
    assert systemd(environ).watchdog_seconds is None


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_where_no_socket_is_named_nothing_happens(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    quiet = systemd({**environ, "WATCHDOG_USEC": MINUTE})
    quiet.ready()
    quiet.stopping()
    assert quiet.watchdog_seconds is None
    assert caplog.records == []


def test_a_manager_that_went_away_is_told_in_the_log_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert [record.msg for record in caplog.records] == ["notify-failed"]
