"""CAPA tells the truth: what it lists works on this connection now, and what it does not is refused."""

import base64
from itertools import product

import attrs
import pytest

from bridge.pop3.events import Terms
from bridge.pop3.sasl import MECHANISMS
from tests.wire.local_session import LocalSession, Message, Scene

LOGIN = ("USER mrose", "PASS tanstaaf")
PLAIN = base64.b64encode(b"\0mrose\0tanstaaf").decode()
ANSWERS = {
    "PLAIN": [f"AUTH PLAIN {PLAIN}"],
    "LOGIN": ["AUTH LOGIN", "bXJvc2U=", "dGFuc3RhYWY="],
}


def terms(*, password: bool, stls: bool, apop: bool) -> Terms:
    return Terms("ready", password, stls, "<1896.697170952@dbc.mtview.ca.us>" if apop else None)


SCENES = [
    Scene(
        terms=terms(password=password, stls=stls, apop=apop),
        secured_terms=terms(password=True, stls=False, apop=apop),
        messages=(Message.of("a", b"Subject: one\n\nx\ny\n"),),
    )
    for password, stls, apop in product([True, False], repeat=3)
]


def capabilities(session: LocalSession) -> dict[str, str]:
    """Ask CAPA and return the arguments by tag, having checked the form of the list."""
    head, *lines, end, nothing = session.ask("CAPA").decode("ascii").split("\r\n")
    assert head.startswith("+OK ")
    assert (end, nothing) == (".", "")
    listed = dict(line.partition(" ")[::2] for line in lines)
    assert len(listed) == len(lines)
    assert all(tag == tag.upper() for tag in listed)  # a list in small letters fooled a client
    return listed


def opens(scene: Scene, *lines: str) -> bool:
    """Tell whether the lines lead into the maildrop."""
    session = LocalSession(scene)
    session.ask(*lines)
    return session.ask("STAT") == b"+OK 1 22\r\n"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: str(scene.terms))
def test_before_the_login_what_is_listed_works_and_nothing_else(scene: Scene) -> None:
    """RFC 2449 section 6, RFC 2595 section 4, RFC 5034 section 3."""
    listed = capabilities(LocalSession(scene))
    assert ("USER" in listed) == opens(scene, *LOGIN)
    mechanisms = listed.get("SASL", "").split()
    assert {name for name in MECHANISMS if opens(scene, *ANSWERS[name])} == set(mechanisms)
    bare = LocalSession(scene).ask("AUTH").decode("ascii").split("\r\n")
    assert bare[1:-2] == mechanisms
    stls = LocalSession(scene)
    assert stls.ask("STLS").startswith(b"+OK" if "STLS" in listed else b"-ERR")
    assert ("LANG" in listed) == LocalSession(scene).ask("LANG").startswith(b"+OK")
    utf8 = LocalSession(scene)
    assert utf8.ask("UTF8").startswith(b"+OK" if "UTF8" in listed else b"-ERR")
    after = capabilities(utf8)
    assert set(after) == set(listed) - ({"STLS"} if "UTF8" in listed else set())
    assert utf8.ask("STLS").startswith(b"+OK" if "STLS" in after else b"-ERR")
    assert listed.get("UTF8", "") == ""  # without USER: names of devices are ASCII
    assert set(listed) <= {
        "TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "USER", "SASL", "STLS", "UTF8", "LANG",
    }  # fmt: skip


@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene.terms.stls_offered])
def test_behind_stls_it_is_a_new_list_and_stls_is_not_in_it(scene: Scene) -> None:
    session = LocalSession(scene)
    session.ask("STLS")
    listed = capabilities(session)
    assert {"USER", "SASL"} <= set(listed)
    assert "STLS" not in listed
    assert session.ask("STLS").startswith(b"-ERR")
    assert session.ask(*LOGIN).count(b"+OK") == 2


@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene.terms.password_allowed])
def test_after_the_login_what_is_listed_works_and_nothing_else(scene: Scene) -> None:
    session = LocalSession(scene)
    session.ask(*LOGIN)
    listed = capabilities(session)
    assert ("TOP" in listed) == session.ask("TOP 1 1").startswith(b"+OK")
    assert ("UIDL" in listed) == session.ask("UIDL").startswith(b"+OK")
    assert ("STLS" in listed) == session.ask("STLS").startswith(b"+OK")
    assert ("USER" in listed) == session.ask("USER mrose").startswith(b"+OK")
    assert ("SASL" in listed) == session.ask("AUTH").startswith(b"+OK")
    assert ("UTF8" in listed) == session.ask("UTF8").startswith(b"+OK")
    assert ("LANG" in listed) == session.ask("LANG *").startswith(b"+OK en ")
    assert not {"EXPIRE", "LOGIN-DELAY"} & set(listed)


@pytest.mark.parametrize("before", [(), LOGIN])
def test_pipelining_is_listed_and_answers_come_in_order(before: tuple[str, ...]) -> None:
    """RFC 2449 section 6.6."""
    session = LocalSession(SCENES[1])
    session.ask(*before)
    assert "PIPELINING" in capabilities(session)
    apart = [session.ask(line) for line in ("CAPA", "STAT", "UIDL 1", "NOOP")]
    said = len(session.said)
    session.hear(b"CAPA\r\nSTAT\r\nUIDL 1\r\nNOOP\r\n")
    assert session.said[said:] == b"".join(apart)


def test_the_server_names_itself_only_to_who_has_logged_in() -> None:
    """RFC 2449 section 6.9."""
    session = LocalSession(SCENES[0])
    assert "IMPLEMENTATION" not in capabilities(session)
    session.ask(*LOGIN)
    assert capabilities(session)["IMPLEMENTATION"] == "popbridge"


@pytest.mark.parametrize("lines", [LOGIN, *ANSWERS.values()])
def test_auth_resp_code_is_listed_and_every_wrong_password_carries_it(lines: list[str]) -> None:
    """RFC 3206 section 6."""
    session = LocalSession(attrs.evolve(SCENES[1], logins={"mrose": "another"}))
    assert "AUTH-RESP-CODE" in capabilities(session)
    assert session.ask(*lines).splitlines()[-1].startswith(b"-ERR [AUTH] ")
