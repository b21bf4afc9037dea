"""No secret where others look: in the log and the trace of a rude client, and in the list of processes.

What all tests together have written is searched at the end of the run (`tests.secrecy`).
"""

import base64
import itertools
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from bridge.clock import SystemClock
from tests.canary import CANARY
from tests.fakes.cloud_thread import cloud_thread
from tests.fakes.service import Service
from tests.secrecy import forms, forms_of_word
from tests.system.cloud_home import CloudHome, bare_home
from tests.system.conftest import SHARED_LISTENERS
from tests.system.pop_client import DEADLINE_SECONDS, assert_ok, plain_token
from tests.system.running_bridge import PROGRAM, Home, RunningBridge, running
from tests.system.test_trace import tracing

pytestmark = pytest.mark.slow

Start = Callable[[], RunningBridge]

WORD = CANARY.encode()
CODED = base64.b64encode(WORD)
TOKEN = plain_token("printer", CANARY).encode()
DIGEST = b"0123456789abcdef" * 2

OPENINGS = [
    *(b"USER ", b"user\t", b"USER", b"USER  printer ", b"USER printer\r\nPASS "),
    *(b"PASS ", b"pass ", b"PaSs\t", b" PASS ", b"PASS", b"PASS:", b"PASS=", b"PASSWORD "),
    *(b"P\0ASS ", b"PASS\0", b"\0PASS ", b"\xffPASS ", b"PA SS ", b"P.A.S.S ", b"\x1b[2JPASS "),
    *(b"APOP printer ", b"apop ", b"APOP ", b"APOP\tprinter\t", b"APOPprinter "),
    *(
        b"AUTH PLAIN ",
        b"auth plain =",
        b"AUTH ",
        b"AUTH LOGIN ",
        b"AUTH XOAUTH2 ",
        b"AUTH\tPLAIN\t",
    ),
    *(b"AUTH PLAIN\r\n", b"AUTH LOGIN\r\n", b"AUTH LOGIN\r\nAAAA\r\n", b"AUTH PLAIN \r\n="),
    *(
        b"",
        b"STAT ",
        b"RETR ",
        b"TOP 1 ",
        b"UIDL ",
        b"XPASS ",
        b"LOGIN printer ",
        b"CAPA ",
        b"HELO ",
    ),
    *(b"STLS\r\nPASS ", b"GET /?password=", b"Authorization: Bearer ", b"USER a\nPASS "),
]
ENDINGS = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0\r\n",
    b"\x07 \x1b[0m\r\n",
    b" " + b"x" * 400 + b"\r\n",
    b"",
]
SECRETS = [WORD, CODED, TOKEN, WORD + b"\xff\xfe", WORD[:3] + b"\0" + WORD[3:]]


def rude_lines() -> Iterator[bytes]:
    for opening, ending in itertools.product(OPENINGS, ENDINGS):
        yield from (opening + secret + ending for secret in SECRETS)


def found(text: str) -> list[bytes]:
    """Return what is told of the canary; a client may have put a NUL behind its third letter."""
    octets = text.encode("utf-8", "surrogateescape")
    return [form for form in forms_of_word(CANARY[3:]) if form in octets]


def test_no_credential_of_a_rude_client_is_told(home: Home, start: Start) -> None:
    """Neither to the log, at its most talkative, nor to a trace; a password typed as a name included."""
    home.configure(
        SHARED_LISTENERS,
        log={"level": "debug"},
        limits={"failed_logins": 100, "failed_login_delay_max": 0, "bad_commands": 1000},
    )
    bridge = start()
    lines = list(rude_lines())
    batches = [lines[at : at + 60] for at in range(0, len(lines), 60)]
    doors = itertools.cycle(
        [("pop3s", "127.0.0.1"), ("plain", "127.0.0.1"), ("plain", "127.0.0.2")]
    )
    with tracing(home, "printer") as trace:
        for batch, (listener, source) in zip(batches, doors, strict=False):
            with bridge.connect(listener, source=source) as rude, suppress(OSError):
                rude.send(b"USER printer\r\n" + b"".join(batch) + b"\r\nQUIT" * 3 + b"\r\n")
                rude.silence()
        bridge.log.wait_for("session-closed", len(batches))
        client = bridge.log_in()
        assert_ok(client.quit())
        told = trace.until("closed: quit")
    assert found(bridge.log.text) == []
    assert found("\n".join(told)) == []
    assert any("PASS (not shown)" in line for line in told)


# ---- processes


def listed(pid: int) -> bytes:
    """Return what anybody, and what the same user, can read of a process (proc(5))."""
    folder = Path(f"/proc/{pid}")
    patience = SystemClock().monotonic() + DEADLINE_SECONDS
    while not (folder / "cmdline").read_bytes():  # it is just becoming the program
        assert SystemClock().monotonic() < patience
    seen = [(folder / "cmdline").read_bytes()]
    with suppress(PermissionError):  # a bridge that serves keeps it from all but root
        seen.append((folder / "environ").read_bytes())
    for name in folder.glob("task/*/comm"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended
            seen.append(name.read_bytes())
    return b"\n".join(seen)


@pytest.fixture
def cloud_home(template: Path, tmp_path: Path, loop_name: str) -> Iterator[CloudHome]:
    with cloud_thread(tmp_path) as cloud:
        yield bare_home(template, tmp_path / "home", loop_name, cloud)


def test_no_process_shows_a_secret(cloud_home: CloudHome) -> None:
    """Of those that are given one: they read it from standard input or from a file, and keep it inside."""
    home = cloud_home.home
    cloud_home.add_google("gmail")
    with cloud_home.enrolling("gmail") as journey:
        address = journey.event()["address"]
        ended = cloud_home.cloud.do(lambda cloud: cloud.google_signin.authorize(address))
        assert CANARY in ended
        journey.paste(ended)
        seen = [listed(journey.process.pid)]
        journey.event()
        assert journey.end()[0] == 0
    cloud_home.add_road("gmail")
    seen.append(typed(home, "device", "passwd", "gmail", "--password-stdin"))
    words = ("--provider", "microsoft", "--client-id", "0b3f9a52-6a0c-4c44-9b1c-5b0d6f6a2f11")
    more = ("--tenant", "example.com", "--auth", "browser", "--client-secret-stdin")
    seen.append(typed(home, "account", "add", "second", *words, *more))
    with running(home) as bridge:
        client = bridge.connect()
        assert_ok(client.log_in("gmail", CANARY))
        home.sync("gmail")
        seen.append(listed(bridge.process.pid))
        assert_ok(client.quit())
    assert b"device" in seen[1]
    assert b"serve" in seen[3]
    assert [one for one in seen if CANARY.encode() in one] == []


def typed(home: Home, *words: str) -> bytes:
    """Give a command its secret, and return how its process was listed."""
    with subprocess.Popen(
        [*PROGRAM, "--config", str(home.config_file), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        seen = listed(process.pid)
        said, _ = process.communicate(f"{CANARY}\n".encode(), DEADLINE_SECONDS)
        assert process.returncode == 0, said
        assert CANARY.encode() not in said
    return seen


# ---- sign-in services

SECRET_PARAMETERS = {
    *("code", "code_verifier", "device_code", "client_secret", "refresh_token"),
    *("assertion", "client_assertion"),
}
"""What a form sent to a sign-in service holds that nobody else may see (RFC 6749, 7523, 7636, 8628)."""


def test_what_services_were_given_lies_nowhere_in_the_clear(cloud_home: CloudHome) -> None:
    """Verifiers and assertions, which the bridge makes up itself, included; backups too."""
    home, cloud = cloud_home.home, cloud_home.cloud
    cloud_home.add_google()
    cloud_home.enrol_in_browser()
    cloud_home.add_microsoft()
    cloud_home.enrol_by_code()
    (home.folder / "client.json").unlink()
    cloud_home.add_road("gmail")
    cloud_home.add_road("office365")
    home.configure(log={"level": "debug"})
    with running(home) as bridge:
        for name in ("gmail", "office365"):
            home.sync(name)
            assert_ok(bridge.log_in(name).quit())
        cloud_home.must("backup", str(home.folder / "backup"))
    given = cloud.do(
        lambda c: {*posted(c.entra), *posted(c.google_signin), *shown(c.graph), *shown(c.gmail)}
    )
    assert {name for name, _ in given} >= {"code", "code_verifier", "device_code", "Bearer"}
    needles = {form: name for name, secret in given for form in forms(secret.encode())}
    octets = {path: path.read_bytes() for path in home.folder.rglob("*") if path.is_file()}
    assert {"backup", "popbridge.db", "heard.log"} <= {path.name for path in octets}
    assert [
        (path, needles[form])
        for path, held in octets.items()
        for form in needles
        if form in held
    ] == []


def posted(service: Service) -> Iterator[tuple[str, str]]:
    """Return the secrets of the forms that a service was sent."""
    for asked in service.requests("^POST"):
        for name, value in parse_qsl(asked.body.decode("ascii", "replace")):
            if name in SECRET_PARAMETERS:
                yield name, value


def shown(service: Service) -> Iterator[tuple[str, str]]:
    """Return the tokens that a service was shown."""
    for asked in service.requests():
        kind, _, token = asked.headers.get("Authorization", "").partition(" ")
        if token:
            yield kind, token
