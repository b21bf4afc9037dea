"""fetchmail 6.4: it downloads with TOP n 99999999, keeps unique-ids, and pipes into a program."""

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

IMPLICIT = 'ssl sslcertck sslcertfile "{ca}"'
STLS = 'sslproto "TLS1.2+" sslcertck sslcertfile "{ca}"'

# The name is "localhost" because fetchmail compares host names alone with the certificate's names.
SETTINGS = """\
set invisible
set no bouncemail
poll localhost service {port} protocol pop3 {unique_ids}
  user "{user}" password "{password}"
  {security}
  no rewrite no mimedecode {keep} mda "{mda}"
"""

NO_MAIL = 1  # fetchmail(1), exit codes


@attrs.frozen
class Fetchmail:
    home: Path

    def settings(self, bridge: ClientsBridge, mailbox: Mailbox, **options: str) -> Path:
        (self.home / "mail").mkdir(exist_ok=True)
        mda = private_file(self.home / "mda", NUMBERING_MDA, 0o700)
        listener = options.get("listener", "pop3s")
        security = options.get("security", IMPLICIT if listener == "pop3s" else STLS)
        text = SETTINGS.format(
            port=bridge.ports[listener],
            user=mailbox.user,
            password=PASSWORD,
            security=security.format(ca=bridge.ca),
            keep=options.get("keep", "keep"),
            unique_ids=options.get("unique_ids", "uidl"),
            mda=mda,
        )
        return private_file(self.home / "settings", text)

    def fetch(self, settings: Path, *words: str) -> tuple[int, str]:
        pid = self.home / "pid"
        done = run(
            "fetchmail",
            "-f",
            str(settings),
            "--pidfile",
            str(pid),
            "-v",
            *words,
            home=self.home,
        )
        return done.returncode, (done.stdout + done.stderr).decode()

    @property
    def delivered(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.home / "mail").iterdir())]


@pytest.fixture
def fetchmail(tmp_path: Path) -> Fetchmail:
    return Fetchmail(tmp_path)


@pytest.mark.parametrize("listener", ["pop3s", "stls"])
def test_every_message_comes_byte_exact_and_none_comes_twice(
    bridge: ClientsBridge, mailbox: Mailbox, fetchmail: Fetchmail, listener: str
) -> None:
    settings = fetchmail.settings(bridge, mailbox, listener=listener)
    code, said = fetchmail.fetch(settings)
    assert code == 0, said
    assert fetchmail.delivered == [with_newlines(one) for one in mailbox.expected]
    assert ("STLS" in said) == (listener == "stls")
    assert fetchmail.fetch(settings)[0] == NO_MAIL
    mailbox.add("99-new.eml", b"Subject: new\r\n\r\nnew\r\n")
    assert fetchmail.fetch(settings)[0] == 0
    assert fetchmail.delivered[len(mailbox.expected) - 1 :] == [b"Subject: new\n\nnew\n"]
    assert mailbox.printed == []


def test_what_was_fetched_without_keep_is_deleted_and_moved_upstream(
    bridge: ClientsBridge, mailbox: Mailbox, fetchmail: Fetchmail
) -> None:
    expected = [with_newlines(one) for one in mailbox.expected]
    names = sorted(path.name for path in mailbox.folder.glob("*.eml"))
    settings = fetchmail.settings(bridge, mailbox, keep="no keep", unique_ids="")
    code, said = fetchmail.fetch(settings)
    assert code == 0, said
    assert fetchmail.delivered == expected
    assert mailbox.printed == names
    assert fetchmail.fetch(settings)[0] == NO_MAIL


def test_a_program_that_refuses_a_message_leaves_it_in_the_maildrop(
    bridge: ClientsBridge, mailbox: Mailbox, fetchmail: Fetchmail
) -> None:
    settings = fetchmail.settings(bridge, mailbox, keep="no keep")
    private_file(fetchmail.home / "mda", "#!/bin/sh\nexit 75\n", 0o700)
    fetchmail.fetch(settings)
    assert mailbox.printed == []


def test_fetchall_with_retr_brings_the_same_bytes(
    bridge: ClientsBridge, mailbox: Mailbox, fetchmail: Fetchmail
) -> None:
    code, said = fetchmail.fetch(fetchmail.settings(bridge, mailbox), "--fetchall")
    assert code == 0, said
    assert "RETR 1" in said
    assert fetchmail.delivered == [with_newlines(one) for one in mailbox.expected]


def test_apop_logs_in(
    bridge: ClientsBridge, apop_mailbox: Mailbox, fetchmail: Fetchmail
) -> None:
    settings = fetchmail.settings(
        bridge, apop_mailbox, listener="apop", security='sslproto ""', unique_ids=""
    )
    settings.write_text(settings.read_text("utf-8").replace("protocol pop3", "protocol apop"))
    code, said = fetchmail.fetch(settings)
    assert code == 0, said
    assert "APOP" in said
    assert len(fetchmail.delivered) == len(apop_mailbox.expected)


def test_a_certificate_of_an_unknown_ca_is_refused_by_the_client(
    bridge: ClientsBridge, mailbox: Mailbox, fetchmail: Fetchmail
) -> None:
    code, said = fetchmail.fetch(fetchmail.settings(bridge, mailbox, security="ssl sslcertck"))
    assert code != 0
    assert "certificate verify failed" in said
    assert fetchmail.delivered == []
