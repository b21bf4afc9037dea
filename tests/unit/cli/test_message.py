"""`popbridge message` answers why something printed, or did not, in one command."""

import os
import sqlite3
from contextlib import closing

import pytest

from tests.cli.command_line import SETTLED, Owner

JOB = b"From: Scan <scan@example.com>\r\nSubject: job\r\nMessage-ID: <1@x>\r\n\r\npage\r\n"


@pytest.fixture
def printer(owner: Owner) -> Owner:
    owner.enrol()
    put(owner, "3.eml", JOB)
    put(owner, "4.eml", JOB)
    owner.must("account", "sync", "a")
    return owner


def put(owner: Owner, name: str, octets: bytes) -> None:
    path = owner.mail() / name
    path.write_bytes(octets)
    os.utime(path, (SETTLED, SETTLED))


def states(owner: Owner) -> dict[int, str]:
    return {
        row["message"]: row["state"] for row in owner.must("message", "list", "--json").json
    }


def events(owner: Owner, number: int) -> list[str]:
    told = owner.must("message", "show", str(number), "--json").json
    return [event["event"] for event in told["events"]]


def test_the_list_begins_with_the_newest_and_says_what_happened_last(printer: Owner) -> None:
    lines = printer.must("message", "list").out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["4", "m", "held"],
        ["3", "m", "ready"],
        ["2", "m", "ready"],
        ["1", "m", "ready"],
    ]
    assert "a second copy of message 3" in lines[1]
    assert "Scan <scan@example.com>" in lines[2]


def test_what_happened_last_is_what_happened_again_since(printer: Owner) -> None:
    with closing(sqlite3.connect(printer.state / "popbridge.db")) as database:
        database.execute(
            "UPDATE message_event SET last = 2000000000, times = 3"
            " WHERE message = 3 AND event = 'announced'"
        )
        database.commit()
    lines = printer.must("message", "list").out.splitlines()
    assert lines[2].endswith("announced 2033-05-18 03:33:20Z")
    assert " fetched " in lines[3]


def test_a_list_can_be_narrowed(printer: Owner) -> None:
    held = printer.must("message", "list", "--maildrop", "m", "--state", "held", "--json").json
    assert [row["message"] for row in held] == [4]
    assert len(printer.must("message", "list", "--limit", "2", "--json").json) == 2


def test_what_a_maildrop_refused_is_listed_wherever_it_went(printer: Owner) -> None:
    printer.must("maildrop", "change", "m", "--subject", "print", "--refused", "move:Refused")
    put(printer, "5.eml", JOB.replace(b"job", b"noise").replace(b"1@x", b"5@x"))
    printer.must("account", "sync", "a")
    rows = printer.must("message", "list", "--refused", "--json").json
    assert [row["message"] for row in rows] == [5, 4]
    assert rows[0]["state"] != "held"
    assert "its subject is without 'print'" in printer.must("message", "list", "--refused").out
    printer.must("message", "redeliver", "4")
    rows = printer.must("message", "list", "--refused", "--json").json
    assert [row["message"] for row in rows] == [5]


def test_a_message_is_shown_with_all_that_happened_to_it(printer: Owner) -> None:
    said = printer.must("message", "show", "3").out
    assert said.startswith("Message 3 of maildrop m: ready\n")
    assert "job" in said
    assert events(printer, 3) == ["announced", "fetched"]
    assert events(printer, 4) == ["announced", "fetched", "held"]


def test_a_held_copy_is_listed_when_its_owner_says_so(printer: Owner) -> None:
    before = printer.must("message", "show", "4", "--json").json["unique_id"]
    assert "listed again" in printer.must("message", "redeliver", "4").out
    told = printer.must("message", "show", "4", "--json").json
    assert (told["state"], told["octets"]) == ("ready", len(JOB))
    assert told["unique_id"] != before
    printer.must("account", "sync", "a")
    assert states(printer)[4] == "ready"


@pytest.mark.parametrize("verb", ["show", "redeliver", "drop"])
def test_a_message_that_never_was_is_named(printer: Owner, verb: str) -> None:
    words = ("--yes",) if verb == "drop" else ()
    said = printer.runs("message", verb, "99", *words)
    assert said.sentence.startswith("There is no message 99;")


def test_what_is_listed_already_is_not_listed_again(printer: Owner) -> None:
    said = printer.runs("message", "redeliver", "1")
    assert said.sentence == "Message 1 is listed already; nothing was changed."


def test_a_held_copy_whose_body_is_gone_upstream_stays_as_it_is(printer: Owner) -> None:
    (printer.mail() / "4.eml").unlink()
    said = printer.runs("message", "redeliver", "4")
    assert said.sentence == (
        "The body of message 4 is gone upstream, or lies in a folder that the maildrop does not"
        " name; nothing was changed."
    )
    assert states(printer)[4] == "held"
    assert not (printer.state / "bodies" / "4.body").exists()


def test_a_dropped_message_stays_upstream_and_never_comes_back(printer: Owner) -> None:
    assert "keep" in printer.must("message", "drop", "1", "--yes").out
    assert states(printer)[1] == "disposed"
    printer.must("account", "sync", "a")
    assert states(printer)[1] == "disposed"
    assert (printer.mail() / "1.eml").exists()
    assert not (printer.state / "bodies" / "1.body").exists()


def test_a_dropped_message_is_disposed_of_where_that_is_wanted(printer: Owner) -> None:
    printer.must("message", "drop", "1", "--dispose", "--yes")
    assert states(printer)[1] == "expunged"
    printer.must("account", "sync", "a")
    assert (printer.mail() / "Printed" / "1.eml").exists()
    assert states(printer)[1] == "disposed"


def test_dropping_asks_first_and_takes_no_for_an_answer(printer: Owner) -> None:
    assert printer.runs("message", "drop", "1", stdin=b"n\n").code == 1
    assert states(printer)[1] == "ready"


def test_what_is_done_with_cannot_be_dropped(printer: Owner) -> None:
    printer.must("message", "drop", "1", "--yes")
    said = printer.runs("message", "drop", "1", "--yes")
    assert said.sentence == "Message 1 is disposed; nothing was changed."


def test_what_was_dropped_can_be_had_again(printer: Owner) -> None:
    printer.must("message", "drop", "1", "--dispose", "--yes")
    said = printer.runs("message", "redeliver", "1").sentence
    assert "popbridge account sync" in said
    printer.must("account", "sync", "a")
    printer.must("message", "redeliver", "1")
    assert states(printer)[1] == "ready"


def test_a_list_of_a_maildrop_that_is_none_says_so(printer: Owner) -> None:
    said = printer.runs("message", "list", "--maildrop", "nobody")
    assert "There is no maildrop nobody" in said.sentence


def test_an_empty_list_says_that_it_is_empty(owner: Owner) -> None:
    assert owner.must("message", "list").out == "No message.\n"
