"""The command as a program: its own process, beside a running bridge, and the demo's copy-paste lines."""

import json
import os
import poplib
import re
import shlex
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bridge import __version__
from bridge.app.setup.samples import samples
from tests.cli.command_line import Owner
from tests.clients.bridge_for_clients import (
    HOST,
    PASSWORD,
    ClientsBridge,
    Mailbox,
    as_sent,
    running,
)
from tests.clients.programs import path_of
from tests.secrecy import keep

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-c", "from bridge.cli import main; main()"]
DEADLINE_SECONDS = 60


def popbridge(*words: str, environ: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [*PROGRAM, *words],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        env={**os.environ, **(environ or {})},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_version_needs_no_configuration() -> None:
    assert popbridge("--version") == (0, f"popbridge, version {__version__}\n", "")


def test_an_error_is_one_line_on_standard_error(newcomer: Owner) -> None:
    code, out, err = popbridge("--config", str(newcomer.config), "status")
    assert (code, out) == (4, "")
    assert re.fullmatch(r"popbridge: [^\n]+\n", err)


def test_a_closed_pipe_is_no_traceback(owner: Owner) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*PROGRAM, "--config", str(owner.config), "cert", "show"],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    os.close(writer)
    assert b"Traceback" not in done.stderr


# ---- beside a running bridge


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientsBridge]:
    with running(tmp_path_factory.mktemp("bridge")) as bridge:
        yield bridge


@pytest.fixture
def live(bridge: ClientsBridge) -> Owner:
    return Owner(bridge.folder)


@pytest.fixture
def mailbox(bridge: ClientsBridge) -> Mailbox:
    return bridge.mailbox(samples())


def log_in(bridge: ClientsBridge, user: str, password: str) -> tuple[int, int]:
    context = ssl.create_default_context(cafile=str(bridge.ca))
    client = poplib.POP3_SSL(HOST, bridge.ports["pop3s"], context=context, timeout=30)
    try:
        client.user(user)
        client.pass_(password)
        figures = client.stat()
        client.quit()
        return figures
    finally:
        client.close()


def test_status_tells_of_listeners_and_accounts(
    bridge: ClientsBridge, live: Owner, mailbox: Mailbox
) -> None:
    answer = live.must("status", "--json").json
    assert answer["running"]["version"] == __version__
    ports = {one["name"]: one["port"] for one in answer["running"]["listeners"]}
    assert ports == bridge.ports
    assert answer["running"]["accounts"][mailbox.user]["failing_since"] is None
    out = live.must("status").out
    assert f"Running {__version__}" in out
    assert f"Account {mailbox.user}: looked at" in out


def test_status_tells_of_a_session(
    bridge: ClientsBridge, live: Owner, mailbox: Mailbox
) -> None:
    def session() -> bool:
        drops = live.must("status", "--json").json["maildrops"]
        [held] = [one["session"] for one in drops if one["maildrop"] == mailbox.user]
        return bool(held)

    context = ssl.create_default_context(cafile=str(bridge.ca))
    client = poplib.POP3_SSL(HOST, bridge.ports["pop3s"], context=context, timeout=30)
    client.user(mailbox.user)
    client.pass_(PASSWORD)
    assert session()
    client.quit()
    bridge.wait_for(rf"session-closed .*device={mailbox.user} ")
    assert not session()


def test_a_device_can_log_in_as_soon_as_it_is_added_and_no_more_once_removed(
    bridge: ClientsBridge, live: Owner, mailbox: Mailbox
) -> None:
    name = f"{mailbox.user}-new"
    words = ("device", "add", name, "--maildrop", mailbox.user, "--alias", f"{name}@x.example")
    password = live.must(*words, "--json").json["password"]
    assert log_in(bridge, name, password)[0] == len(samples())
    assert log_in(bridge, f"{name}@X.example", password)[0] == len(samples())
    other = live.must("device", "passwd", name, "--json").json["password"]
    with pytest.raises(poplib.error_proto, match="AUTH"):
        log_in(bridge, name, password)
    assert log_in(bridge, name, other)[0] == len(samples())
    live.must("device", "remove", name)
    with pytest.raises(poplib.error_proto, match="AUTH"):
        log_in(bridge, name, other)


def test_a_device_may_only_come_from_the_network_it_is_bound_to(
    bridge: ClientsBridge, live: Owner, mailbox: Mailbox
) -> None:
    for name, network in (("near", "127.0.0.0/8"), ("far", "192.0.2.0/24")):
        words = ("device", "add", f"{mailbox.user}-{name}", "--maildrop", mailbox.user)
        live.must(*words, "--allow", network, "--password-stdin", stdin=b"pass word\n")
    assert log_in(bridge, f"{mailbox.user}-near", "pass word")[0] == len(samples())
    with pytest.raises(poplib.error_proto, match="AUTH"):
        log_in(bridge, f"{mailbox.user}-far", "pass word")


def test_sync_lets_the_running_bridge_look(
    bridge: ClientsBridge, live: Owner, mailbox: Mailbox
) -> None:
    path = mailbox.folder / "50-later.eml"
    path.write_bytes(b"Subject: later\r\n\r\nx\r\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    report = live.must("account", "sync", mailbox.user, "--json").json
    assert (report["announced"], report["delivered"]) == (1, 1)
    assert log_in(bridge, mailbox.user, PASSWORD)[0] == len(samples()) + 1


def test_sync_of_an_unknown_account_is_refused_by_the_running_bridge_too(live: Owner) -> None:
    said = live.runs("account", "sync", "nobody")
    assert said.code == 1
    assert "There is no account nobody" in said.sentence


def test_sync_of_a_mailbox_that_went_away_is_one_sentence(
    bridge: ClientsBridge, live: Owner
) -> None:
    gone = bridge.mailbox({})
    gone.folder.rename(gone.folder.with_name("renamed"))
    said = live.runs("account", "sync", gone.user)
    assert said.code == 1
    assert str(gone.folder) in said.sentence
    assert f"Account {gone.user}: FAILING" in live.must("status").out
    live.must("device", "remove", gone.user)
    live.must("maildrop", "remove", gone.user, "--yes")
    live.must("account", "remove", gone.user)


def test_check_says_that_the_bridge_is_running(live: Owner, mailbox: Mailbox) -> None:
    findings = {one["subject"]: one for one in live.must("check", "--json").json}
    assert "running" in findings["listeners"]["text"]
    assert findings[f"account {mailbox.user}"]["ok"]


def test_a_renewed_certificate_is_used_at_once_and_sessions_live_on(
    bridge: ClientsBridge, live: Owner, mailbox: Mailbox
) -> None:
    context = ssl.create_default_context(cafile=str(bridge.ca))
    old = poplib.POP3_SSL(HOST, bridge.ports["pop3s"], context=context, timeout=30)
    old.user(mailbox.user)
    assert "running bridge uses it already" in live.must("cert", "renew").out
    new = poplib.POP3_SSL(HOST, bridge.ports["pop3s"], context=context, timeout=30)
    certificates = []
    for client in (old, new):
        assert isinstance(client.sock, ssl.SSLSocket)
        certificates.append(client.sock.getpeercert(binary_form=True))
    assert certificates[0] != certificates[1]
    new.quit()
    old.pass_(PASSWORD)
    assert old.stat()[0] == len(samples())
    old.quit()


def test_a_second_server_on_the_same_state_folder_is_refused(live: Owner) -> None:
    said = live.runs("serve")
    assert said.code == 4
    assert "Another popbridge already serves" in said.sentence


# ---- the demo


class Demo:
    """The demo in a process of its own."""

    def __init__(self, folder: Path, until: str = " looked account=samples ") -> None:
        """Start it; return when a line with `until` is in its log."""
        self.folder = folder
        command = [*PROGRAM, "demo", "--folder", str(folder)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.printed: list[str] = []
        self.logged: list[str] = []
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        for line in self.process.stdout:
            self.printed.append(line.rstrip("\n"))
            if "Ctrl-C" in line:
                break
        for line in self.process.stderr:
            self.logged.append(line)
            if until in line:
                break
        self._drain = threading.Thread(target=self.logged.extend, args=(self.process.stderr,))
        self._drain.start()

    def line_after(self, words: str) -> str:
        [at] = [n for n, line in enumerate(self.printed) if words in line]
        return self.printed[at + 1].strip()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(DEADLINE_SECONDS)
        finally:
            self.process.kill()
            self._drain.join()
            keep(self.folder.parent, *self.logged)
            for stream in (self.process.stdout, self.process.stderr):
                assert stream is not None
                stream.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    # A folder whose name a shell would take apart, were the printed lines careless.
    demo = Demo(tmp_path_factory.mktemp("it's a demo") / 'with "quotes" and $HOME')
    yield demo
    assert demo.stop() == 0


@pytest.mark.clients
@pytest.mark.parametrize("words", ["with curl", "through STLS"])
def test_the_demo_prints_a_curl_line_that_fetches_the_first_message(
    demo: Demo, words: str
) -> None:
    command = shlex.split(demo.line_after(words))
    assert command[0] == "curl"
    command[0] = path_of("curl")
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == as_sent(samples()["01-text.eml"])


def test_the_demo_prints_a_python_line_that_lists_the_maildrop(demo: Demo) -> None:
    command = shlex.split(demo.line_after("with python"))
    assert command[:2] == ["python3", "-c"]
    command[0] = sys.executable
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(samples())


def test_the_demo_says_where_to_drop_a_message(demo: Demo) -> None:
    folder = Path(demo.line_after("Drop an .eml file"))
    assert sorted(path.name for path in folder.glob("*.eml")) == sorted(samples())


def test_a_second_demo_on_the_same_folder_leaves_the_first_as_it_was(demo: Demo) -> None:
    folder = Path(demo.line_after("Drop an .eml file")).parent
    code, out, err = popbridge("demo", "--folder", str(folder))
    assert (code, out) == (4, "")
    assert "Another popbridge already serves" in err
    config = str(folder / "config.toml")
    code, out, _ = popbridge("--config", config, "status", "--json")
    assert code == 0
    assert json.loads(out)["running"]["listeners"]


def test_the_demo_goes_on_where_it_was_with_a_new_password(tmp_path: Path) -> None:
    first = Demo(tmp_path / "demo")
    assert first.stop() == 0
    second = Demo(tmp_path / "demo", until=" listening listener=stls ")
    assert second.stop() == 0
    assert not any("message-delivered" in line for line in second.logged)
    assert first.line_after("with curl") != second.line_after("with curl")
