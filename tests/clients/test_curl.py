"""curl with OpenSSL: the client of the copy-paste lines, which speaks AUTH and asks CAPA first."""

import re
from pathlib import Path

import attrs
import pytest

from tests.clients.bridge_for_clients import HOST, PASSWORD, ClientsBridge, Mailbox
from tests.clients.programs import run

pytestmark = [pytest.mark.clients, pytest.mark.slow]

LOGIN_DENIED = 67  # curl(1), exit codes
SSL_REQUIRED = 64
CERTIFICATE_REFUSED = 60


@attrs.frozen
class Answer:
    code: int
    body: bytes
    trace: str


@attrs.frozen
class Curl:
    bridge: ClientsBridge
    home: Path

    def get(
        self, scheme: str, path: str, mailbox: Mailbox, *words: str, listener: str = "pop3s"
    ) -> Answer:
        """Run curl against a listener, logged in as the mailbox's device."""
        url = f"{scheme}://{HOST}:{self.bridge.ports[listener]}/{path}"
        login = f"{mailbox.user}:{PASSWORD}"
        trust = ["--cacert", str(self.bridge.ca)]
        done = run("curl", "-sSv", *trust, "--user", login, *words, url, home=self.home)
        return Answer(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


@pytest.fixture
def curl(bridge: ClientsBridge, tmp_path: Path) -> Curl:
    return Curl(bridge, tmp_path)


def test_every_message_comes_byte_exact_over_pop3s(curl: Curl, mailbox: Mailbox) -> None:
    for number, expected in enumerate(mailbox.expected, 1):
        answer = curl.get("pop3s", str(number), mailbox)
        assert (answer.code, answer.body) == (0, expected), answer.trace


def test_a_url_without_a_number_lists_the_maildrop(curl: Curl, mailbox: Mailbox) -> None:
    answer = curl.get("pop3s", "", mailbox)
    lines = [f"{n} {len(octets)}\r\n" for n, octets in enumerate(mailbox.expected, 1)]
    assert answer.body.decode() == "".join(lines)


def test_stls_is_used_where_it_is_required(curl: Curl, mailbox: Mailbox) -> None:
    answer = curl.get("pop3", "1", mailbox, "--ssl-reqd", listener="stls")
    assert answer.body == mailbox.expected[0], answer.trace
    assert "> STLS" in answer.trace


def test_required_tls_fails_where_there_is_none(curl: Curl, mailbox: Mailbox) -> None:
    answer = curl.get("pop3", "1", mailbox, "--ssl-reqd", listener="plain")
    assert answer.code == SSL_REQUIRED, answer.trace
    assert "PASS" not in answer.trace


def test_a_password_in_the_clear_is_taken_only_where_a_listener_says_so(
    curl: Curl, mailbox: Mailbox
) -> None:
    assert curl.get("pop3", "1", mailbox, listener="plain").body == mailbox.expected[0]
    refused = curl.get("pop3", "1", mailbox, listener="stls")
    assert refused.code == LOGIN_DENIED, refused.trace
    assert PASSWORD not in refused.trace


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_every_offered_sasl_mechanism_works(
    curl: Curl, mailbox: Mailbox, mechanism: str
) -> None:
    answer = curl.get("pop3s", "1", mailbox, "--login-options", f"AUTH={mechanism}")
    assert (answer.code, answer.body) == (0, mailbox.expected[0]), answer.trace
    assert f"> AUTH {mechanism}" in answer.trace


@pytest.mark.parametrize("words", [[], ["--sasl-ir"]])
def test_sasl_plain_works_with_and_without_an_initial_response(
    curl: Curl, mailbox: Mailbox, words: list[str]
) -> None:
    answer = curl.get("pop3s", "1", mailbox, "--login-options", "AUTH=PLAIN", *words)
    assert answer.body == mailbox.expected[0], answer.trace
    assert bool(re.search(r"> AUTH PLAIN \S", answer.trace)) == bool(words)


def test_apop_is_used_where_the_greeting_offers_it(curl: Curl, apop_mailbox: Mailbox) -> None:
    words = ["--login-options", "AUTH=+APOP"]
    answer = curl.get("pop3", "1", apop_mailbox, *words, listener="apop")
    assert answer.body == apop_mailbox.expected[0], answer.trace
    assert "> APOP" in answer.trace


def test_a_wrong_password_is_denied(curl: Curl, mailbox: Mailbox) -> None:
    answer = curl.get("pop3s", "", mailbox, "--user", f"{mailbox.user}:wrong")
    assert answer.code == LOGIN_DENIED
    assert "-ERR [AUTH]" in answer.trace


def test_a_client_without_our_ca_refuses_the_certificate(curl: Curl, mailbox: Mailbox) -> None:
    ca = "/etc/ssl/certs/ca-certificates.crt"
    answer = curl.get("pop3s", "", mailbox, "--capath", str(curl.home), "--cacert", ca)
    assert answer.code in {CERTIFICATE_REFUSED, 77}, answer.trace  # 77: this machine has no CAs


def test_top_uidl_stat_and_noop_can_be_sent(curl: Curl, mailbox: Mailbox) -> None:
    head = mailbox.expected[0].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert curl.get("pop3s", "", mailbox, "-X", "TOP 1 0").body == head
    unique_ids = curl.get("pop3s", "", mailbox, "-X", "UIDL").body.splitlines()
    assert len(unique_ids) == len(mailbox.expected)
    octets = sum(map(len, mailbox.expected))
    stat = curl.get("pop3s", "", mailbox, "--head", "-X", "STAT")
    assert f"+OK {len(mailbox.expected)} {octets}" in stat.trace
    assert "< +OK" in curl.get("pop3s", "", mailbox, "--head", "-X", "NOOP").trace


def test_dele_takes_effect_at_the_quit_that_curl_sends(curl: Curl, mailbox: Mailbox) -> None:
    rest = mailbox.expected[1:]
    answer = curl.get("pop3s", "1", mailbox, "-l", "-X", "DELE")
    assert "> DELE 1" in answer.trace
    assert mailbox.printed == ["01-text.eml"]
    assert curl.get("pop3s", "1", mailbox).body == rest[0]


def test_one_connection_serves_several_transfers(curl: Curl, mailbox: Mailbox) -> None:
    port = curl.bridge.ports["pop3s"]
    more = f"pop3s://{HOST}:{port}/3"
    answer = curl.get("pop3s", "2", mailbox, more)
    assert answer.body == mailbox.expected[2] + mailbox.expected[1], answer.trace
    assert answer.trace.count("> AUTH") == 1
