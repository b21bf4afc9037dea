"""getmail6: a Python client that lists by LIST and UIDL, and remembers what it has fetched."""

from pathlib import Path

import attrs
import pytest

from tests.clients.bridge_for_clients import (
    PASSWORD,
    ClientsBridge,
    Mailbox,
    with_newlines,
)
from tests.clients.programs import NUMBERING_MDA, private_file, run

pytestmark = [pytest.mark.clients, pytest.mark.slow]

SETTINGS = """\
[retriever]
type = {type}
server = localhost
port = {port}
username = {user}
password = {password}
{security}

[destination]
type = MDA_external
path = {mda}
unixfrom = false
allow_root_commands = true

[options]
read_all = false
delete = {delete}
delivered_to = false
received = false
verbose = 2
"""


@attrs.frozen
class Getmail:
    bridge: ClientsBridge
    home: Path

    def settings(self, mailbox: Mailbox, **options: str) -> Path:
        (self.home / "mail").mkdir(exist_ok=True)
        secure = options.get("listener", "pop3s") == "pop3s"
        text = SETTINGS.format(
            type="SimplePOP3SSLRetriever" if secure else "SimplePOP3Retriever",
            port=self.bridge.ports[options.get("listener", "pop3s")],
            user=mailbox.user,
            password=PASSWORD,
            security=f"ca_certs = {self.bridge.ca}" if secure else options["security"],
            mda=private_file(self.home / "mda", NUMBERING_MDA, 0o700),
            delete=options.get("delete", "false"),
        )
        private_file(self.home / "settings", text)
        return self.home

    def fetch(self, folder: Path) -> tuple[int, str]:
        done = run(
            "getmail", "--getmaildir", str(folder), "--rcfile", "settings", home=self.home
        )
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")

    @property
    def delivered(self) -> list[bytes]:
        """Return the messages without the Return-Path that getmail puts before each."""
        paths = sorted((self.home / "mail").iterdir())
        return [path.read_bytes().partition(b"\n")[2] for path in paths]


def as_stored(messages: list[bytes]) -> list[bytes]:
    return [with_newlines(one) for one in messages]


@pytest.fixture
def getmail(bridge: ClientsBridge, tmp_path: Path) -> Getmail:
    return Getmail(bridge, tmp_path)


def test_every_message_comes_byte_exact_and_none_comes_twice(
    mailbox: Mailbox, getmail: Getmail
) -> None:
    folder = getmail.settings(mailbox)
    code, said = getmail.fetch(folder)
    assert code == 0, said
    assert getmail.delivered == as_stored(mailbox.expected)
    assert getmail.fetch(folder)[0] == 0
    assert len(getmail.delivered) == len(mailbox.expected)
    mailbox.add("99-new.eml", b"Subject: new\r\n\r\nnew\r\n")
    assert getmail.fetch(folder)[0] == 0
    assert getmail.delivered == as_stored(mailbox.expected)
    assert mailbox.printed == []


def test_what_was_fetched_is_deleted_where_its_owner_says_so(
    mailbox: Mailbox, getmail: Getmail
) -> None:
    expected = as_stored(mailbox.expected)
    names = sorted(path.name for path in mailbox.folder.glob("*.eml"))
    code, said = getmail.fetch(getmail.settings(mailbox, delete="true"))
    assert code == 0, said
    assert getmail.delivered == expected
    assert mailbox.printed == names


def test_a_listener_without_tls_serves_it_too(mailbox: Mailbox, getmail: Getmail) -> None:
    folder = getmail.settings(mailbox, listener="plain", security="use_apop = false")
    code, said = getmail.fetch(folder)
    assert code == 0, said
    assert getmail.delivered == as_stored(mailbox.expected)


def test_apop_logs_in(apop_mailbox: Mailbox, getmail: Getmail) -> None:
    folder = getmail.settings(apop_mailbox, listener="apop", security="use_apop = true")
    code, said = getmail.fetch(folder)
    assert code == 0, said
    assert getmail.delivered == as_stored(apop_mailbox.expected)
