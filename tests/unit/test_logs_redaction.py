"""What of a text is masked before it is logged: whatever POP3, HTTP and OAuth call a secret."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.logs import redacted

SECRETS = [
    "PASS hunter2",
    "pass hunter2",
    "PaSs  hunter2 and more hunter2",
    "  PASS\thunter2",
    "PASS\x00hunter2",
    "USER a\r\nPASS hunter2\r\n",
    "got b'USER a\\r\\nPASS hunter2\\r\\n'",
    "got b'\\x00PASS\\thunter2'",
    "line='PASS hunter2'",
    "(PASS hunter2)",
    "APOP printer hunter2",
    "apop  printer  hunter2",
    "AUTH PLAIN hunter2",
    "auth login  hunter2",
    "AUTH XOAUTH2 hunter2",
    "AUTH SCRAM-SHA-256 hunter2",
    "AUTH PLAIN\r\nhunter2\r\n",
    "b'AUTH PLAIN\\r\\nhunter2\\r\\n'",
    "Bearer hunter2",
    "authorization: bearer hunter2",
    "{'Authorization': 'Basic hunter2'}",
    "Authorization=hunter2",
    "https://example.org/?access_token=hunter2&x=1",
    '{"client_secret": "hunter2 with blanks"}',
    "password='hunter2 with blanks'",
    "passwd: hunter2",
    '{"device_code": "hunter2"}',
    "{'code': 'hunter2'}",
    "http://localhost/?code=hunter2&state=1",
    "grant_type=authorization_code&code=hunter2",
    "code_verifier=hunter2&x=1",
    "client_assertion=hunter2",
]


@pytest.mark.parametrize("line", SECRETS)
def test_a_credential_is_masked(line: str) -> None:
    assert "hunter2" not in redacted(line)
    assert "blanks" not in redacted(line)
    assert "[redacted]" in redacted(line)


VERBS = [
    "PASS", "pass", "PaSs", "APOP printer", "apop\tprinter", "AUTH PLAIN", "auth  login",
    "AuTh\0XOAUTH2",
]  # fmt: skip


@given(
    st.text(" \r\n\t\0\x07'\"()<>[]{}:=,;.é", max_size=8),
    st.sampled_from(VERBS),
    st.text(" \t\r\n\0\x07", min_size=1, max_size=3),
    st.text(max_size=20),
)
def test_a_credential_is_masked_wherever_its_command_stands(
    before: str, verb: str, gap: str, behind: str
) -> None:
    """Also where the text is a repr, or JSON, of what was on the wire."""
    line = f"{before}{verb}{gap}hunter2{behind}"
    spelled = (line, repr(line), repr(line.encode()), json.dumps(line))
    assert [one for one in spelled if "hunter2" in redacted(one)] == []


@pytest.mark.parametrize(
    "line",
    [
        "PASS", "AUTH", "AUTH PLAIN", "exit code: 3", "code=AUTH", "passport control", "the author of it", "bypass the cache",
        "UIDL 1 PASSx", "a token of thanks", "maildrop-locked",
    ],
)  # fmt: skip
def test_a_text_without_a_credential_stays_as_it_is(line: str) -> None:
    assert redacted(line) == line
