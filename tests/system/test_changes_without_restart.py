"""What the owner changes on the command line is so in the running bridge the moment the command ends."""

import hashlib
import json
from collections.abc import Callable

import pytest

from tests.canary import CANARY
from tests.system.pop_client import assert_ok
from tests.system.running_bridge import (
    PASSWORD,
    Home,
    RunningBridge,
    running,
    wait_for_connections,
)

pytestmark = pytest.mark.slow

Start = Callable[[], RunningBridge]
MESSAGE = b"Subject: hello\r\n\r\nhello\r\n"
NEW_PASSWORD = f"fresh-{CANARY}"


def owner_says(home: Home, *words: str, text: str = "") -> str:
    done = home.run(*words, text=text)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def is_refused(bridge: RunningBridge, user: str, password: str = PASSWORD) -> bool:
    client = bridge.connect()
    answer = client.log_in(user, password)
    client.close()
    return answer.startswith(b"-ERR [AUTH]")


def test_a_new_account_maildrop_and_device_serve_at_once(home: Home, start: Start) -> None:
    bridge = start()
    folder = home.mail("annex")
    folder.mkdir()
    home.put("1.eml", MESSAGE, "annex")
    owner_says(home, "account", "add", "annex", "--provider", "folder", "--path", str(folder))
    owner_says(home, "maildrop", "add", "annex", "--account", "annex", "--on-dele", "keep")
    added = owner_says(
        home, "device", "add", "fax", "--maildrop", "annex", "--alias", "LAN\\fax", "--json"
    )
    password = json.loads(added)["password"]
    assert len(password) == 16
    owner_says(home, "account", "sync", "annex")
    for name in ("fax", "LAN\\fax", "FAX"):
        client = bridge.connect()
        assert_ok(client.log_in(name, password))
        assert client.retrieve(1) == MESSAGE
        assert_ok(client.quit())
        wait_for_connections(bridge, 0)


def test_a_new_password_counts_at_once_and_the_open_session_goes_on(
    home: Home, start: Start
) -> None:
    bridge = start()
    session = bridge.log_in()
    owner_says(
        home, "device", "passwd", "printer", "--password-stdin", text=f"{NEW_PASSWORD}\n"
    )
    assert_ok(session.command("NOOP"))
    assert_ok(session.quit())
    assert is_refused(bridge, "printer")
    assert not is_refused(bridge, "printer", NEW_PASSWORD)


@pytest.mark.parametrize(
    ("words", "text", "answer"),
    [
        (("disable", "printer"), "", b"-ERR [AUTH]"),
        (("remove", "printer"), "", b"-ERR [AUTH]"),
        (("passwd", "printer", "--password-stdin"), NEW_PASSWORD, b"-ERR [AUTH]"),
        (("change", "printer", "--allow", "192.0.2.0/24"), "", b"-ERR [AUTH]"),
        (("change", "printer", "--maildrop", "annex"), "", b"-ERR [SYS/TEMP]"),
    ],
)
@pytest.mark.parametrize("how", ["PASS", "APOP"])
def test_a_change_counts_for_a_login_that_waits_for_the_maildrop(
    home: Home, start: Start, words: tuple[str, ...], text: str, answer: bytes, how: str
) -> None:
    """The second session waits for the first to be silent long enough, or to end."""
    listener = {"name": "pop3s", "apop": True}
    home.configure((listener,), limits={"takeover_grace": 60})
    home.add_maildrop("annex")
    home.add_device("fax", apop=True)
    bridge = start()
    words = tuple("fax" if word == "printer" else word for word in words)
    first, second = bridge.log_in("fax"), bridge.open()
    stamp = second.line().split()[-1]
    if how == "PASS":
        assert_ok(second.command("USER fax"))
        second.send(f"PASS {PASSWORD}\r\n".encode())
    else:
        digest = hashlib.md5(stamp + PASSWORD.encode(), usedforsecurity=False).hexdigest()
        second.send(f"APOP fax {digest}\r\n".encode())
    owner_says(home, "device", *words, text=f"{text}\n")
    assert_ok(first.quit())
    assert second.line().startswith(answer)
    assert_ok(bridge.log_in("printer").quit())  # the maildrop is free again
    third = bridge.connect()
    assert third.log_in("fax", PASSWORD).startswith(
        b"+OK" if "--maildrop" in words else b"-ERR"
    )


def test_a_removed_device_maildrop_and_account_are_gone_at_once(
    home: Home, start: Start
) -> None:
    home.put("1.eml", MESSAGE)
    bridge = start()
    assert home.run("maildrop", "remove", "office", "--yes").returncode == 1
    assert home.run("account", "remove", "office").returncode == 1
    assert not is_refused(bridge, "printer")
    owner_says(home, "device", "remove", "printer")
    assert is_refused(bridge, "printer")
    owner_says(home, "maildrop", "remove", "office", "--yes")
    owner_says(home, "account", "remove", "office")
    status = json.loads(owner_says(home, "status", "--json"))
    assert status["maildrops"] == []
    assert status["running"]["accounts"] == {}
    assert (home.mail() / "1.eml").read_bytes() == MESSAGE
    done = home.run("account", "sync", "office")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done


def test_a_maildrop_removed_during_its_session_harms_nobody(home: Home, start: Start) -> None:
    home.put("1.eml", MESSAGE)
    home.sync()
    bridge = start()
    session = bridge.log_in()
    assert_ok(session.command("DELE 1"))
    owner_says(home, "device", "remove", "printer")
    owner_says(home, "maildrop", "remove", "office", "--yes")
    # Nothing is left to delete from, and nothing was deleted upstream: either answer is true.
    assert session.command("QUIT")[:4] in (b"+OK ", b"-ERR")
    assert (home.mail() / "1.eml").read_bytes() == MESSAGE
    home.add_maildrop("annex")
    home.add_device("fax", "annex")
    bridge.log_in("fax")


def test_a_device_removed_and_made_again_takes_its_new_maildrop(
    home: Home, start: Start
) -> None:
    bridge = start()
    home.add_maildrop("annex")
    home.put("1.eml", MESSAGE, "annex")
    home.sync("annex")
    owner_says(home, "device", "remove", "printer")
    words = ("device", "add", "printer", "--maildrop", "annex", "--password-stdin")
    owner_says(home, *words, text=f"{PASSWORD}\n")
    assert bridge.log_in().octets() == [len(MESSAGE)]


@pytest.mark.parametrize("is_running", [True, False])
def test_account_sync_says_what_changed_with_and_without_a_running_bridge(
    home: Home, start: Start, *, is_running: bool
) -> None:
    if is_running:
        start()
        home.sync()
    home.put("1.eml", MESSAGE)
    report = json.loads(owner_says(home, "account", "sync", "office", "--json"))
    assert (report["announced"], report["delivered"]) == (1, 1)
    assert owner_says(home, "account", "sync", "office") == "office: nothing new\n"
    (home.mail() / "1.eml").unlink()
    assert owner_says(home, "account", "sync", "office") == "office: 1 vanished\n"


def test_what_was_synced_without_a_bridge_is_served_by_the_next(home: Home) -> None:
    home.put("1.eml", MESSAGE)
    owner_says(home, "account", "sync", "office")
    with running(home) as bridge:
        assert bridge.log_in().retrieve(1) == MESSAGE
