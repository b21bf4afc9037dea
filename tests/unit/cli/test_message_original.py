"""`popbridge message show --original` writes what came, octet for octet, as long as it is here."""

import os
from pathlib import Path

import pytest

from tests.cli.command_line import SETTLED, Owner

HTML = (
    b"From: Scan <scan@example.com>\r\nSubject: job\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>\xc3\xa4 page</p>\r\n.\r\n..dots\r\n"
)
LONG = b"Subject: long\r\n\r\n" + b"0123456789abcdef\r\n" * 20000


def put(owner: Owner, name: str, octets: bytes) -> None:
    path = owner.mail() / name
    path.write_bytes(octets)
    os.utime(path, (SETTLED, SETTLED))


@pytest.fixture
def printer(owner: Owner) -> Owner:
    """Return an owner with messages 1 to 3 as they came, and 4 in print."""
    owner.enrol()
    put(owner, "3.eml", LONG)
    owner.must("account", "sync", "a")
    owner.must("maildrop", "change", "m", "--deliver", "print")
    put(owner, "4.eml", HTML)
    owner.must("account", "sync", "a")
    return owner


def original(owner: Owner, number: int) -> bytes:
    return owner.must("message", "show", str(number), "--original").octets


def why_not(owner: Owner, number: int) -> str:
    return owner.runs("message", "show", str(number), "--original").sentence


def damage(path: Path, offset: int) -> None:
    octets = bytearray(path.read_bytes())
    octets[offset] ^= 1
    path.write_bytes(octets)


@pytest.mark.slow
def test_the_original_of_what_was_shaped_is_written_octet_for_octet(printer: Owner) -> None:
    told = printer.must("message", "show", "4", "--json").json
    assert told["original_octets"] == len(HTML)
    assert told["octets"] != len(HTML)
    assert f"original   {len(HTML)} octets" in printer.must("message", "show", "4").out
    assert original(printer, 4) == HTML


def test_where_nothing_was_shaped_what_was_delivered_is_the_original(printer: Owner) -> None:
    assert original(printer, 3) == LONG
    assert printer.must("message", "show", "3", "--json").json["original_octets"] is None
    assert "original" not in printer.must("message", "show", "3").out


def test_a_file_for_it_is_its_owners_alone_and_never_one_that_is_there(printer: Owner) -> None:
    target = printer.folder / "kept.eml"
    assert printer.must("message", "show", "4", "--original", "--output", str(target)).out == ""
    assert target.read_bytes() == HTML
    assert target.stat().st_mode & 0o777 == 0o600
    said = printer.runs("message", "show", "3", "--original", "--output", str(target))
    assert said.sentence == f"{target} exists already; name a new file."
    assert target.read_bytes() == HTML


def test_a_file_that_cannot_be_made_is_named(printer: Owner) -> None:
    target = printer.folder / "nowhere" / "kept.eml"
    said = printer.runs("message", "show", "3", "--original", "--output", str(target))
    assert "nowhere" in said.sentence


def test_it_is_here_until_it_is_disposed_of(printer: Owner) -> None:
    printer.must("message", "drop", "4", "--dispose", "--yes")
    assert original(printer, 4) == HTML
    printer.must("account", "sync", "a")
    assert why_not(printer, 4) == (
        "The original of message 4 is gone from here since it was disposed of; where the mailbox"
        " still has it, `popbridge message redeliver` fetches it and lists it again."
    )


def test_what_was_not_shaped_is_gone_with_its_body(printer: Owner) -> None:
    printer.must("message", "drop", "3", "--dispose", "--yes")
    assert why_not(printer, 3) == (
        "The original of message 3 is gone from here: it was deleted by a device or an admin, or"
        " not admitted."
    )


def test_what_is_held_is_in_the_mailbox(printer: Owner) -> None:
    put(printer, "5.eml", LONG)
    put(printer, "6.eml", LONG.replace(b"long", b"same", 1))
    printer.must("maildrop", "change", "m", "--subject", "never")
    printer.must("account", "sync", "a")
    assert why_not(printer, 5).startswith(
        "The original of message 5 is not kept here, since it is held; it is in the mailbox"
    )


def test_what_was_taken_away_upstream_is_here_as_long_as_devices_may_fetch_it(
    printer: Owner,
) -> None:
    (printer.mail() / "4.eml").unlink()
    printer.must("account", "sync", "a")
    printer.must("account", "sync", "a")
    assert why_not(printer, 4) == (
        "The original of message 4 is gone from here: it was taken away upstream."
    )


def test_a_message_that_never_came_says_why(printer: Owner) -> None:
    printer.config.write_text(
        printer.config.read_text("utf-8") + "[sync]\nmessage_octets = 1048576\n", "utf-8"
    )
    put(printer, "7.eml", LONG * 4)
    printer.must("account", "sync", "a")
    assert printer.must("message", "show", "5", "--json").json["state"] == "quarantined"
    assert why_not(printer, 5) == (
        "The original of message 5 never came, a notice stands for it: it is larger than 1048576"
        " octets (sync.message_octets)."
    )


@pytest.mark.parametrize(("number", "file"), [(3, "3.body"), (4, "4.original")])
def test_a_damaged_one_is_a_sentence_and_not_half_a_message(
    printer: Owner, number: int, file: str
) -> None:
    damage(printer.state / "bodies" / file, -1)
    said = why_not(printer, number)
    assert said.startswith(f"The original of message {number} is damaged here (")
    assert said.endswith("; look for it in the mailbox.")
    target = printer.folder / "kept.eml"
    shown = ("message", "show", str(number), "--original", "--output", str(target))
    assert printer.runs(*shown).code == 1
    assert list(printer.folder.glob("*kept*")) == []


def test_one_whose_file_is_missing_is_damaged_too(printer: Owner) -> None:
    (printer.state / "bodies" / "3.body").unlink()
    assert "is damaged here (its file is missing)" in why_not(printer, 3)


def test_a_message_that_never_was_is_named(printer: Owner) -> None:
    assert why_not(printer, 99).startswith("There is no message 99;")


@pytest.mark.parametrize(
    ("words", "why"),
    [(("--original", "--json"), "no JSON"), (("--output", "x"), "is for --original")],
)
def test_what_does_not_go_together_is_refused(
    printer: Owner, words: tuple[str, ...], why: str
) -> None:
    said = printer.runs("message", "show", "3", *words)
    assert said.code == 2
    assert why in said.err
