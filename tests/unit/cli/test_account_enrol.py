import errno
import io
import json
import os
import re
import signal
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import segno

from bridge.cli import main
from bridge.cli.account_enrol import JsonDoor, PersonDoor, qr_code
from providers.contract import GrantLost, Unreachable
from providers.identity import (
    AddressInvitation,
    CodeInvitation,
    Grant,
    Invitation,
    Renewal,
    SetupInvitation,
    SignInRefused,
)
from tests.cli.command_line import Owner, Said
from tests.fakes.cloud_account import FakeCloud, take_place_of
from tests.fakes.identity import FakeIdentity

QUICK = CodeInvitation("ABCD-EFGH", "https://sign.in/device", 900.0, 0.001, "secret-memory")
ADDRESS = AddressInvitation("https://sign.in/authorize?state=s&x=y", "secret-memory")
SETUP = SetupInvitation(("New-ServicePrincipal -AppId x", "then: y"), "-----BEGIN CERT-----\n")
BACK = "http://localhost/?code=secret-code&state=s"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    cloud = take_place_of("microsoft", monkeypatch)
    cloud.identity.invitation = QUICK
    return cloud


@pytest.fixture
def holder(owner: Owner, cloud: FakeCloud) -> Owner:
    """An owner with an account that is to be enrolled."""
    assert cloud.identity.prepared == []
    owner.must("account", "add", "office", "--provider", "microsoft", "--client-id", "x")
    return owner


def enrolled(owner: Owner) -> str:
    [row] = owner.must("account", "list", "--json").json
    return str(row["enrolled"])


def stored(owner: Owner) -> list[Any]:
    connection = sqlite3.connect(owner.state / "popbridge.db")
    rows = connection.execute("SELECT * FROM account_grant").fetchall()
    connection.close()
    return rows


def events(said: Said) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.out.splitlines()]


# ---- for a person


def test_a_code_is_shown_with_its_address_its_picture_and_how_long_it_lasts(
    holder: Owner, cloud: FakeCloud
) -> None:
    cloud.identity.waits_for = 2
    said = holder.must("account", "enrol", "office")
    assert "Open https://sign.in/device\nand type this code: ABCD-EFGH\n" in said.out
    assert qr_code("https://sign.in/device") in said.out
    assert "at most 15 minutes" in said.out
    assert "Some tenants forbid" in said.out
    assert said.out.endswith(
        "Account office is enrolled. Granted: Mail.ReadWrite.\n"
        "Next: popbridge account check office\n"
    )
    assert len(cloud.identity.redeemed) == 3
    assert enrolled(holder) == "yes"
    assert (cloud.identity.closed, cloud.service.closed) == (2, 2)


def test_an_address_is_shown_and_the_one_that_is_pasted_is_brought(
    holder: Owner, cloud: FakeCloud
) -> None:
    cloud.identity.invitation = ADDRESS
    said = holder.must("account", "enrol", "office", stdin=f"{BACK}\nmore\n".encode())
    assert f"\n{ADDRESS.address}\n" in said.out
    assert "cannot be loaded. That is right" in said.out
    [(_, _, answer)] = cloud.identity.redeemed
    assert answer.strip() == BACK
    assert enrolled(holder) == "yes"


def test_a_setup_is_shown_line_by_line_and_taken_for_done_where_nobody_presses_a_key(
    holder: Owner, cloud: FakeCloud
) -> None:
    cloud.identity.invitation = SETUP
    said = holder.must("account", "enrol", "office")
    assert said.out.startswith("-----BEGIN CERT-----\n")
    assert "\nNew-ServicePrincipal -AppId x\nthen: y\n" in said.out
    assert "Press Enter" not in said.out
    assert enrolled(holder) == "yes"


class Terminal(io.TextIOWrapper):
    """Standard input with somebody in front of it."""

    def isatty(self) -> bool:
        return True


async def test_somebody_in_front_of_a_terminal_says_when_a_setup_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = io.BytesIO(b"\nmore\n")
    monkeypatch.setattr(sys, "stdin", Terminal(keys))
    await PersonDoor("office").done()
    assert "Press Enter when this is done" in capsys.readouterr().out
    assert keys.tell() > 0


def test_a_setup_without_a_certificate_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    PersonDoor("office").show(SetupInvitation(("one",)))
    assert capsys.readouterr().out == "one\n"


def test_a_grant_whose_scopes_nobody_names_is_told_without_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    PersonDoor("office").enrolled(Renewal("secret", 1.0, frozenset(), Grant("secret")))
    assert capsys.readouterr().out.startswith("Account office is enrolled.\n")


# ---- for a program


def test_a_program_reads_one_event_a_line(holder: Owner) -> None:
    said = holder.must("account", "enrol", "office", "--json")
    assert events(said) == [
        {
            "event": "code",
            "account": "office",
            "code": "ABCD-EFGH",
            "address": "https://sign.in/device",
            "expires_in": 900.0,
        },
        {"event": "enrolled", "account": "office", "scopes": ["Mail.ReadWrite"]},
    ]
    assert said.err == ""


def test_a_program_writes_the_address_to_standard_input(
    holder: Owner, cloud: FakeCloud
) -> None:
    cloud.identity.invitation = ADDRESS
    said = holder.must("account", "enrol", "office", "--json", stdin=BACK.encode())
    assert events(said)[0] == {
        "event": "address",
        "account": "office",
        "address": ADDRESS.address,
    }
    assert events(said)[-1]["event"] == "enrolled"
    assert cloud.identity.redeemed[0][2] == BACK


def test_a_program_gets_the_certificate_and_the_commands_of_a_setup(
    holder: Owner, cloud: FakeCloud
) -> None:
    cloud.identity.invitation = SETUP
    setup, done = events(holder.must("account", "enrol", "office", "--json"))
    assert setup == {
        "event": "setup",
        "account": "office",
        "certificate": SETUP.certificate,
        "instructions": list(SETUP.instructions),
    }
    assert done["event"] == "enrolled"


def test_a_program_reads_why_it_failed_as_its_last_event(
    holder: Owner, cloud: FakeCloud
) -> None:
    cloud.identity.failures["redeem"].append(SignInRefused("consent was refused"))
    said = holder.runs("account", "enrol", "office", "--json")
    assert said.code == 1
    why = "Account office was not enrolled: consent was refused."
    assert events(said)[-1] == {"event": "failed", "account": "office", "why": why}
    assert said.err == f"popbridge: {why}\n"


@pytest.mark.parametrize("invitation", [QUICK, ADDRESS, SETUP])
@pytest.mark.parametrize("door", [PersonDoor("office"), JsonDoor("office")])
def test_no_door_shows_what_the_provider_remembers(
    capsys: pytest.CaptureFixture[str], door: PersonDoor | JsonDoor, invitation: Invitation
) -> None:
    door.show(invitation)
    door.enrolled(Renewal("secret-token", 1.0, frozenset({"x"}), Grant("secret-grant")))
    assert "secret" not in capsys.readouterr().out


# ---- ends without a grant


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("invite", SignInRefused("there is no such client")),
        ("invite", Unreachable("sign.in is away")),
        ("redeem", SignInRefused("the code was refused")),
    ],
)
def test_a_sign_in_that_fails_is_one_sentence_and_changes_nothing(
    holder: Owner, cloud: FakeCloud, where: str, error: Exception
) -> None:
    before = stored(holder)
    cloud.identity.failures[where].append(error)
    said = holder.runs("account", "enrol", "office")
    assert said.code == 1
    assert said.err == f"popbridge: Account office was not enrolled: {error}.\n"
    assert stored(holder) == before
    assert cloud.identity.closed == 2


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_an_input_that_ends_before_an_address_came_is_one_sentence(
    holder: Owner, cloud: FakeCloud, as_json: list[str]
) -> None:
    before = stored(holder)
    cloud.identity.invitation = ADDRESS
    said = holder.runs("account", "enrol", "office", *as_json)
    assert said.code == 1
    assert said.err == "popbridge: Nothing was pasted: standard input has ended.\n"
    assert stored(holder) == before


class Gone(io.RawIOBase):
    """A terminal that hung up."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("stdin", [None, io.TextIOWrapper(io.BufferedReader(Gone()))])
@pytest.mark.parametrize("invitation", [ADDRESS, SETUP])
def test_an_input_that_is_closed_or_hung_up_keeps_nobody_waiting(
    holder: Owner,
    cloud: FakeCloud,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    stdin: io.TextIOWrapper | None,
    invitation: Invitation,
) -> None:
    """As with `popbridge ... <&-`, or in a session whose terminal is gone."""
    cloud.identity.invitation = invitation
    words = ["popbridge", "--config", str(holder.config), "account", "enrol", "office"]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    if invitation is ADDRESS:
        assert end.value.code == 1
        assert said.err == "popbridge: Nothing was pasted: standard input has ended.\n"
    else:
        assert end.value.code == 0
        assert said.err == ""


class Interrupted(FakeIdentity):
    """A sign-in during which somebody presses Ctrl-C."""

    async def redeem(
        self, grant: Grant, invitation: Invitation, answer: str = ""
    ) -> Renewal | None:
        signal.raise_signal(signal.SIGINT)
        return await super().redeem(grant, invitation, answer)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let Ctrl-C mean what it means in a new process, whatever a test before this one left."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before or signal.default_int_handler)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_leaves_nothing_half_done(holder: Owner, cloud: FakeCloud) -> None:
    before = stored(holder)
    cloud.identity = Interrupted()
    cloud.identity.invitation = QUICK
    said = holder.runs("account", "enrol", "office")
    assert (said.code, said.err) == (130, "")
    assert "enrolled." not in said.out
    assert stored(holder) == before
    assert cloud.identity.closed == 1


def test_an_account_that_is_not_there_or_needs_none_is_named(holder: Owner) -> None:
    said = holder.runs("account", "enrol", "nobody")
    assert said.code == 1
    assert "There is no account nobody" in said.sentence
    path = str(holder.mail())
    holder.must("account", "add", "local", "--provider", "folder", "--path", path)
    said = holder.runs("account", "enrol", "local")
    assert said.code == 1
    assert said.sentence == "The account local needs no enrolment."


def test_an_account_that_was_lost_is_found_by_its_next_enrolment(
    holder: Owner, cloud: FakeCloud
) -> None:
    holder.must("account", "enrol", "office")
    cloud.identity.failures["renew"].append(GrantLost("it was revoked"))
    assert holder.runs("account", "check", "office").code == 1
    assert enrolled(holder) == "lost: it was revoked"
    holder.must("account", "enrol", "office")
    assert enrolled(holder) == "yes"
    [(_, _, count, _, lost)] = stored(holder)
    assert (count, lost) == (2, None)


def test_a_real_sign_in_that_cannot_be_reached_is_one_sentence(owner: Owner) -> None:
    words = ("--client-id", "x", "--authority", "https://127.0.0.1:9")
    owner.must("account", "add", "office", "--provider", "microsoft", *words)
    before = stored(owner)
    said = owner.runs("account", "enrol", "office")
    assert said.code == 1
    assert said.sentence.startswith(
        "Account office was not enrolled: 127.0.0.1 cannot be asked"
    )
    assert not said.sentence.endswith("..")
    assert stored(owner) == before


# ---- the picture of an address


@pytest.mark.parametrize(
    "address", ["https://microsoft.com/devicelogin", "https://x/" + "y" * 200]
)
def test_a_picture_holds_every_module_of_its_code(address: str) -> None:
    """Two modules make one character: above and below, dark on what the terminal takes for light."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", qr_code(address)).rstrip("\n").split("\n")
    side = len(segno.make(address, error="l").matrix) + 2 * 2
    assert len(lines) == (side + 1) // 2
    assert {len(line) for line in lines} == {side}
    assert set("".join(lines)) <= set(" ▀▄█")
    assert len(set("".join(lines))) > 1


def test_the_picture_of_another_address_differs() -> None:
    assert qr_code("https://a.example") == qr_code("https://a.example")
    assert qr_code("https://a.example") != qr_code("https://b.example")


def test_the_picture_needs_no_file(tmp_path: Path) -> None:
    before = list(tmp_path.iterdir())
    assert qr_code("https://a.example")
    assert list(tmp_path.iterdir()) == before
