"""A test page goes the whole way from the bridge to a device, and nowhere else."""

import email
import json
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.policy import default
from typing import Any

import pytest

from bridge.errors import OwnerError
from tests.system.pop_client import DEADLINE_SECONDS, assert_ok
from tests.system.running_bridge import PROGRAM, Home, RunningBridge, running

pytestmark = pytest.mark.slow

MAIL = b"From: a@example.com\r\nMessage-ID: <1@x>\r\nSubject: mail\r\n\r\nmail\r\n"


@pytest.fixture
def bridge(home: Home) -> RunningBridge:
    with running(home) as bridge:
        home.sync()
        yield bridge


def make(home: Home, *words: str) -> dict[str, Any]:
    done = home.run("test-message", "office", "--json", *words)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def shown(home: Home, number: int) -> dict[str, Any]:
    return dict(json.loads(home.run("message", "show", str(number), "--json").stdout))


def taken(bridge: RunningBridge) -> bytes:
    """Return the one message that is listed, and delete it."""
    client = bridge.log_in()
    assert len(client.octets()) == 1
    octets = client.retrieve(1)
    assert client.octets() == [len(octets)]
    assert_ok(client.command("DELE 1"))
    assert_ok(client.quit())
    return octets


def parsed(octets: bytes) -> Message:
    return email.message_from_bytes(octets, policy=default)


def test_a_page_is_taken_by_a_device_and_done_with_at_once(bridge: RunningBridge) -> None:
    home = bridge.home
    told = make(home)
    assert told["warnings"] == []
    assert told["polls"] == {"printer": ""}
    octets = taken(bridge)
    assert told["octets"] == len(octets)
    page = parsed(octets)
    assert page["From"] == told["sender"] == "popbridge@localhost"
    assert page["Subject"] == f"Test page {told['message']} for office"
    assert f"{len(octets):7} as made; sent as it is (original)" in page.get_content()
    bridge.log.wait_for("session-closed", device="printer")
    life = shown(home, told["message"])
    assert (life["state"], life["local"]) == ("disposed", True)
    assert [one["event"] for one in life["events"]] == ["made", "listed", "sent", "expunged"]
    assert home.sync()["disposed"] == 0
    assert list(home.mail().iterdir()) == []


def test_a_look_does_not_miss_it(bridge: RunningBridge) -> None:
    home = bridge.home
    path = home.put("1.eml", MAIL)
    home.sync()
    told = make(home)
    path.unlink()
    assert home.sync()["vanished"] == 1
    assert b"Test page" in taken(bridge)
    assert shown(home, told["message"])["state"] == "disposed"


def test_without_its_mailbox_a_page_comes_all_the_same(bridge: RunningBridge) -> None:
    home = bridge.home
    shutil.rmtree(home.mail())
    with pytest.raises(OwnerError):
        home.sync()
    make(home)
    assert b"Test page" in taken(bridge)


def test_a_page_that_a_failing_account_hides_is_made_with_a_warning(
    bridge: RunningBridge,
) -> None:
    home = bridge.home
    assert home.run("maildrop", "change", "office", "--on-outage", "empty").returncode == 0
    shutil.rmtree(home.mail())
    with pytest.raises(OwnerError):
        home.sync()
    (warning,) = make(home)["warnings"]
    assert "Account office is failing" in warning
    assert "--on-outage empty" in warning
    assert bridge.log_in().octets() == []


def test_without_a_bridge_a_page_is_listed_at_its_next_start(home: Home) -> None:
    told = make(home)
    with running(home) as bridge:
        home.sync()
        assert told["octets"] == len(taken(bridge))


def test_who_may_print_does_not_hold_it_and_is_told(bridge: RunningBridge) -> None:
    home = bridge.home
    words = ("--allow-sender", "boss@example.com", "--automatic", "hold")
    assert home.run("maildrop", "change", "office", *words).returncode == 0
    (warning,) = make(home)["warnings"]
    assert warning == (
        "Mail from popbridge@localhost would be held: its sender is not among the allowed ones."
    )
    told = make(home, "--from", "boss@example.com")
    assert told["warnings"] == []
    client = bridge.log_in()
    assert len(client.octets()) == 2  # neither is a second copy of the other
    assert parsed(client.retrieve(2))["From"] == "boss@example.com"
    assert "Auto-Submitted" not in parsed(client.retrieve(2))


def test_a_page_is_shaped_as_mail_is(bridge: RunningBridge) -> None:
    home = bridge.home
    assert home.run("maildrop", "change", "office", "--deliver", "text").returncode == 0
    told = make(home)
    octets = taken(bridge)
    assert told["octets"] == len(octets)
    assert "shaped before it is sent (text)" in parsed(octets).get_content()
    assert home.bodies == []


@pytest.mark.parametrize(
    ("kind", "deliver", "holds"),
    [
        ("pdf", "original", ["text/plain", "application/pdf"]),
        ("pdf", "print", ["text/plain", "application/pdf"]),
        ("pdf", "ifax", ["text/plain", "image/tiff"]),
        ("tiff", "original", ["image/tiff"]),
        ("tiff", "ifax", ["image/tiff"]),
        ("text", "ifax", ["image/tiff"]),
        ("text", "print", ["text/plain"]),
    ],
)
def test_each_kind_comes_as_its_maildrop_wishes(
    bridge: RunningBridge, kind: str, deliver: str, holds: list[str]
) -> None:
    home = bridge.home
    assert home.run("maildrop", "change", "office", "--deliver", deliver).returncode == 0
    told = make(home, "--kind", kind)
    assert (told["kind"], told["warnings"]) == (kind, [])
    octets = taken(bridge)
    assert told["octets"] == len(octets)
    page = parsed(octets)
    leaves = [part.get_content_type() for part in page.walk() if not part.is_multipart()]
    assert leaves == holds
    assert page["From"] == "popbridge@localhost"
    assert page["Subject"] == f"Test page {told['message']} for office"
    assert home.bodies == []


def test_a_fax_gets_a_pdf_where_no_kind_is_named(bridge: RunningBridge) -> None:
    home = bridge.home
    assert home.run("maildrop", "change", "office", "--deliver", "ifax").returncode == 0
    assert make(home)["kind"] == "pdf"


def test_a_full_maildrop_takes_no_page(bridge: RunningBridge) -> None:
    home = bridge.home
    assert home.run("maildrop", "change", "office", "--ceiling", "1").returncode == 0
    most = (1 << 20) // 70 - 10  # lines of 70 octets, so that some hundred are left
    home.put("1.eml", MAIL + (b"x" * 68 + b"\r\n") * most)
    home.sync()
    done = home.run("test-message", "office")
    assert done.returncode == 1
    assert "no room in maildrop office" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert len(home.bodies) == 1
    assert [row["local"] for row in listed(home)] == [False]


def listed(home: Home) -> list[dict[str, Any]]:
    return list(json.loads(home.run("message", "list", "--json").stdout))


def test_a_page_behind_more_than_a_session_sees_is_made_with_a_warning(
    bridge: RunningBridge,
) -> None:
    home = bridge.home
    assert home.run("maildrop", "change", "office", "--at-most", "1").returncode == 0
    home.put("1.eml", MAIL)
    home.sync()
    (warning,) = make(home)["warnings"]
    assert "A session sees 1 messages at most" in warning
    assert taken(bridge) == MAIL
    assert b"Test page" in taken(bridge)


def test_it_is_dropped_and_never_redelivered(bridge: RunningBridge) -> None:
    home = bridge.home
    number = str(make(home)["message"])
    again = home.run("message", "redeliver", number)
    assert again.returncode == 1
    assert "`popbridge test-message office` makes another" in again.stderr
    dropped = home.run("message", "drop", number, "--dispose", "--yes")
    assert dropped.stdout == (
        f"Message {number} is not listed any more; upstream it never was.\n"
    )
    assert bridge.log_in().octets() == []
    assert home.sync()["disposed"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "no maildrop nowhere"),
        (("office", "--from", "nobody"), "'nobody' is no address"),
        (("office", "--from", "a@b\r\nX: y@c"), "is no address"),
    ],
)
def test_what_cannot_be_made_is_refused_and_leaves_nothing(
    bridge: RunningBridge, words: tuple[str, ...], said: str
) -> None:
    done = bridge.home.run("test-message", *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert listed(bridge.home) == []


def test_an_admin_is_told_what_to_do_next(bridge: RunningBridge) -> None:
    done = bridge.home.run("test-message", "office")
    first, second, third = done.stdout.splitlines()
    assert first.startswith("Message 1, a test page as text, lies in maildrop office: ")
    assert second == "printer takes it at its next poll, or when told to at its panel."
    assert third == "`popbridge message show 1` tells when it was taken."
    home = bridge.home
    assert home.run("device", "change", "printer", "--profile", "ricoh-ifax").returncode == 0
    assert (
        " next poll (such machines: 2 to 1440 minutes), or "
        in home.run("test-message", "office").stdout
    )
    made = bridge.log.wait_for("audit", change="message-made")
    assert (made["maildrop"], made["message"]) == ("office", 1)
    assert home.run("device", "remove", "printer").returncode == 0
    done = bridge.home.run("test-message", "office")
    assert done.stderr == "Warning: No device takes the mail of maildrop office yet.\n"


# ---- following it


@contextmanager
def waiting(home: Home, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Have a page made and followed, and begin the block once it is listed."""
    command = [*PROGRAM, "--config", str(home.config_file), "test-message", "office", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("Message 1, a test page"), first
        while not process.stdout.readline().startswith("`popbridge message show 1`"):
            assert process.poll() is None
        yield process
        process.wait(DEADLINE_SECONDS)


def rest(process: subprocess.Popen[str]) -> list[str]:
    said, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert errors == ""
    return said.splitlines()


def test_who_waits_is_told_who_took_it_and_who_was_refused(bridge: RunningBridge) -> None:
    with waiting(bridge.home, "--wait", "60") as process:
        refused = None
        while refused is None:  # until the page is followed
            client = bridge.connect()
            assert client.log_in("printer", "wrong").startswith(b"-ERR [AUTH]")
            client.close()
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], 2)
            refused = process.stdout.readline() if ready else None
        taken(bridge)
        said = rest(process)
    assert " printer at 127.0.0.1: login refused [AUTH]: wrong name or password" in refused
    assert said[-1].startswith("printer took it, from 127.0.0.1, at 20")
    assert process.returncode == 0


def test_who_waits_in_vain_is_told_what_is_known_of_each_device(bridge: RunningBridge) -> None:
    home = bridge.home
    home.add_device("idle")
    home.add_device("early")
    with bridge.log_in("early") as early:
        assert_ok(early.quit())
    with waiting(home, "--wait", "15") as process:
        client = bridge.log_in()
        assert len(client.octets()) == 1
        assert_ok(client.quit())
        said = rest(process)
    assert process.returncode == 1
    assert said[0] == "Nobody took it within 15 seconds; it waits on."
    assert said[1].startswith("early has not logged in, it last did at 20"), "a moment ago"
    assert said[2].startswith("idle has not logged in, it never did: look at its panel")
    assert said[3].startswith("printer was told of it at 20")
    assert said[3].endswith(
        "and did not take it: `popbridge trace printer` shows what it says."
    )


def test_who_waits_for_a_page_that_is_dropped_is_told_so(bridge: RunningBridge) -> None:
    with waiting(bridge.home, "--wait", "60") as process:
        assert bridge.home.run("message", "drop", "1", "--yes").returncode == 0
        assert rest(process) == ["Nobody will take it any more: it is disposed."]
    assert process.returncode == 1


def test_programs_get_the_way_of_a_page_as_one_object(bridge: RunningBridge) -> None:
    done = bridge.home.run("test-message", "office", "--wait", "1", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    told = json.loads(done.stdout)
    assert (told["message"], told["taken"], told["refused"]) == (1, None, [])
    assert told["nobody"] == {
        "state": "ready",
        "listed": [],
        "heard": [],
        "seen": {"printer": None},
    }


def test_nobody_is_waited_for_where_no_bridge_runs(home: Home) -> None:
    done = home.run("test-message", "office", "--wait", "60")
    assert done.returncode == 1
    assert done.stderr == (
        "No bridge runs on this state folder, so no device can take it: popbridge serve\n"
    )
    assert shown(home, 1)["state"] == "ready"
