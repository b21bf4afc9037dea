"""mpop 1.4 with GnuTLS: it pipelines, and remembers unique-ids in a file of its own."""

from pathlib import Path

import attrs
import pytest

from tests.clients.bridge_for_clients import (
    HOST,
    PASSWORD,
    ClientsBridge,
    Mailbox,
    with_newlines,
)
from tests.clients.programs import private_file, run

pytestmark = [pytest.mark.clients, pytest.mark.slow]

SETTINGS = """\
account bridge
host {host}
port {port}
auth {auth}
user {user}
password {password}
tls {tls}
tls_starttls {starttls}
tls_trust_file {ca}
keep {keep}
uidls_file {home}/uidls
pipelining {pipelining}
received_header off
delivery mbox {home}/mbox
"""


@attrs.frozen
class Mpop:
    bridge: ClientsBridge
    home: Path

    def settings(self, mailbox: Mailbox, **options: str) -> Path:
        listener = options.get("listener", "pop3s")
        text = SETTINGS.format(
            host=HOST,
            port=self.bridge.ports[listener],
            user=mailbox.user,
            password=PASSWORD,
            tls="off" if listener in {"plain", "apop"} else "on",
            starttls="on" if listener == "stls" else "off",
            ca=self.bridge.ca,
            keep=options.get("keep", "on"),
            auth=options.get("auth", "on"),
            pipelining=options.get("pipelining", "auto"),
            home=self.home,
        )
        return private_file(self.home / "settings", text)

    def fetch(self, settings: Path) -> tuple[int, str]:
        done = run("mpop", "-C", str(settings), "-d", "bridge", home=self.home)
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")

    @property
    def delivered(self) -> list[bytes]:
        """Return the messages of the mbox without the lines between them."""
        mbox = self.home / "mbox"
        if not mbox.exists():
            return []
        parts = (b"\n" + mbox.read_bytes() + b"From ").split(b"\nFrom ")[1:-1]
        return [part.partition(b"\n")[2] for part in parts]


@pytest.fixture
def mpop(bridge: ClientsBridge, tmp_path: Path) -> Mpop:
    return Mpop(bridge, tmp_path)


@pytest.mark.parametrize("pipelining", ["auto", "off", "on"])
@pytest.mark.parametrize("listener", ["pop3s", "stls"])
def test_every_message_comes_byte_exact_and_none_comes_twice(
    mailbox: Mailbox, mpop: Mpop, listener: str, pipelining: str
) -> None:
    settings = mpop.settings(mailbox, listener=listener, pipelining=pipelining)
    code, said = mpop.fetch(settings)
    assert code == 0, said
    assert mpop.delivered == [with_newlines(one) for one in mailbox.expected]
    assert mpop.fetch(settings)[0] == 0
    assert len(mpop.delivered) == len(mailbox.expected)
    mailbox.add("99-new.eml", b"Subject: new\r\n\r\nnew\r\n")
    assert mpop.fetch(settings)[0] == 0
    assert mpop.delivered[len(mailbox.expected) - 1 :] == [b"Subject: new\n\nnew\n"]
    assert mailbox.printed == []


def test_what_was_fetched_without_keep_is_deleted_and_moved_upstream(
    mailbox: Mailbox, mpop: Mpop
) -> None:
    expected = [with_newlines(one) for one in mailbox.expected]
    names = sorted(path.name for path in mailbox.folder.glob("*.eml"))
    settings = mpop.settings(mailbox, keep="off")
    code, said = mpop.fetch(settings)
    assert code == 0, said
    assert mpop.delivered == expected
    assert mailbox.printed == names
    assert mpop.fetch(settings)[0] == 0
    assert mpop.delivered == expected


@pytest.mark.parametrize("auth", ["user", "plain", "login"])
def test_every_offered_way_to_log_in_works(mailbox: Mailbox, mpop: Mpop, auth: str) -> None:
    code, said = mpop.fetch(mpop.settings(mailbox, auth=auth))
    assert code == 0, said
    assert len(mpop.delivered) == len(mailbox.expected)


def test_apop_logs_in(apop_mailbox: Mailbox, mpop: Mpop) -> None:
    code, said = mpop.fetch(mpop.settings(apop_mailbox, listener="apop", auth="apop"))
    assert code == 0, said
    assert len(mpop.delivered) == len(apop_mailbox.expected)


def test_its_view_of_the_server_is_what_the_server_can_do(mailbox: Mailbox, mpop: Mpop) -> None:
    settings = mpop.settings(mailbox)
    done = run("mpop", "-C", str(settings), "--serverinfo", "bridge", home=mpop.home)
    said = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    for promise in ("PIPELINING", "TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE"):
        assert promise in said
