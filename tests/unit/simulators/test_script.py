"""Each talk is a transcript: what the machine says, and what it is answered."""

import pytest

from bridge.simulators.habits import Content, Habit
from bridge.simulators.script import Answer, Machine, Report, Stopped, polled

ANY = Content(mode="original", unverified=True)
TEXT = Content(mode="text", types=("text/plain",), unverified=True)
HABIT = Habit(
    profile="fax",
    look=("STAT", "LIST"),
    each=("RETR", "DELE"),
    refused="delete",
    unverified=True,
)
GREETING = Answer("+OK ready <1.2@bridge.lan>")
HTML = b"Content-Type: text/html\r\n\r\nx\r\n"
PLAIN = b"Subject: x\r\n\r\nx\r\n"
OK = Answer("+OK yes")


def talk(
    machine: Machine, answers: dict[str, Answer], greeting: Answer = GREETING
) -> tuple[list[str], Report]:
    """Return what the machine said and its report; what `answers` does not name is answered OK."""
    report, said = Report(), []
    script = polled(greeting, machine, report)
    try:
        ask = next(script, None)
        while ask is not None:
            said.append(ask.line)
            ask = script.send(answers.get(ask.line, OK))
    except StopIteration:
        pass
    except Stopped as stopped:
        report.error = str(stopped)
    return said, report


def machine(habit: Habit = HABIT, content: Content = ANY, **how: object) -> Machine:
    wanted: dict[str, object] = {"takes": True, **how}
    return Machine("fax", "word", habit, content, **wanted)  # type: ignore[arg-type] - by name


def one(octets: bytes, size: int | None = None) -> dict[str, Answer]:
    listed = len(octets) if size is None else size
    return {
        "STAT": Answer(f"+OK 1 {listed}"),
        "LIST": Answer("+OK", f"1 {listed}\r\n".encode()),
        "RETR 1": Answer("+OK", octets),
    }


def test_a_machine_says_its_commands_in_their_order() -> None:
    said, report = talk(machine(), one(PLAIN))
    assert said == ["USER fax", "PASS word", "STAT", "LIST", "RETR 1", "DELE 1", "QUIT"]
    [document] = report.documents
    assert (document.octets, document.holds, document.deletes) == (
        len(PLAIN),
        "text/plain",
        True,
    )


def test_without_leave_nothing_is_deleted_and_what_would_be_is_told() -> None:
    said, report = talk(machine(takes=False), one(PLAIN))
    assert "DELE 1" not in said
    assert report.documents[0].deletes


@pytest.mark.parametrize(("refused", "said_last"), [("delete", "DELE 1"), ("keep", "RETR 1")])
def test_what_it_cannot_use_is_deleted_by_those_machines_that_do(
    refused: str, said_last: str
) -> None:
    """Ricoh Aficio 1515 manual pp. 313-314: a bad file is deleted on the server."""
    habit = Habit(
        profile="fax",
        look=("STAT",),
        each=("RETR", "DELE"),
        refused=refused,
        unverified=True,  # type: ignore[arg-type] - of two words
    )
    said, report = talk(machine(habit, TEXT), one(HTML))
    assert said[-2:] == [said_last, "QUIT"]
    assert report.documents[0].refused == "text/html is nothing it can use"


def test_a_message_above_the_machines_size_is_not_fetched_where_it_was_listed() -> None:
    said, report = talk(machine(size_octets=10), one(PLAIN))
    assert "RETR 1" not in said
    assert "is taken to hold 10" in report.documents[0].refused
    assert report.documents[0].too_large


def test_a_size_that_was_listed_wrong_stops_the_machine_without_quit() -> None:
    """A reader that trusts LIST is out of step (devices that read exactly N octets)."""
    said, report = talk(machine(), one(PLAIN, size=5))
    assert said[-1] == "RETR 1"
    assert "listed with 5 octets" in report.error


def test_a_message_the_server_refuses_does_not_stop_the_others() -> None:
    answers = one(PLAIN) | {
        "STAT": Answer("+OK 2 34"),
        "LIST": Answer("+OK", b"1 17\r\n2 17\r\n"),
        "RETR 1": Answer("-ERR [SYS/PERM] no"),
        "RETR 2": Answer("+OK", PLAIN),
    }
    _, report = talk(machine(), answers)
    assert [bool(document.refused) for document in report.documents] == [True, False]


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        ("-ERR [AUTH] no", "wrong user or password"),
        ("-ERR [IN-USE] no", "another session is open"),
        ("-ERR [SYS/TEMP] no", "cannot answer just now"),
        ("-ERR Login failed", "wrong user or password"),
        ("-ERR The maildrop is in use by another session", "another session is open"),
        (
            "-ERR refused",
            "the server says -ERR refused; most often it is wrong user or password",
        ),
        ("-ERR not so", "-ERR not so"),
    ],
)
def test_a_refused_login_is_told_with_what_to_do(answer: str, advice: str) -> None:
    said, report = talk(machine(), {"PASS word": Answer(answer)})
    assert said[-1] == "PASS word"
    assert not report.connected
    assert advice in report.error


def test_apop_answers_the_greetings_stamp() -> None:
    """RFC 1939 section 7."""
    greeting = Answer("+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>")
    wanted = Machine("mrose", "tanstaaf", HABIT, ANY, by_apop=True)
    said, _ = talk(wanted, {}, greeting)
    assert said[0] == "APOP mrose c4c9334bac560ecc979e58001b3e22fb"
    assert "no APOP" in talk(wanted, {}, Answer("+OK ready"))[1].error


@pytest.mark.parametrize(
    ("verb", "answer"),
    [("STAT", "+OK two"), ("STAT", "-ERR no"), ("LIST", "-ERR no")],
)
def test_an_answer_that_cannot_be_read_is_a_server_error(verb: str, answer: str) -> None:
    assert "server error" in talk(machine(), one(PLAIN) | {verb: Answer(answer)})[1].error


def test_a_scan_listing_that_cannot_be_read_is_a_server_error() -> None:
    answers = one(PLAIN) | {"LIST": Answer("+OK", b"one two\r\n")}
    assert "cannot read" in talk(machine(), answers)[1].error


def test_a_greeting_and_a_quit_that_are_refused_are_told() -> None:
    assert "turns the machine away" in talk(machine(), {}, Answer("-ERR busy"))[1].error
    assert "may come again" in talk(machine(), one(PLAIN) | {"QUIT": Answer("-ERR")})[1].error


def test_fetchmail_asks_for_the_capabilities_and_fetches_by_top() -> None:
    habit = Habit(
        profile="software",
        before=("CAPA",),
        look=("STAT", "LAST"),
        each=("LIST", "TOP", "DELE"),
        unverified=True,
    )
    answers = one(PLAIN) | {
        "LAST": Answer("-ERR"),
        "LIST 1": Answer(f"+OK 1 {len(PLAIN)}"),
        "TOP 1 99999999": Answer("+OK", PLAIN),
    }
    said, report = talk(machine(habit), answers)
    assert said[0] == "CAPA"
    assert said[-4:] == ["LIST 1", "TOP 1 99999999", "DELE 1", "QUIT"]
    assert report.documents[0].octets == len(PLAIN)


def test_one_poll_takes_fifty_and_tells_what_is_left() -> None:
    listed = "".join(f"{number} {len(PLAIN)}\r\n" for number in range(1, 61)).encode()
    answers = {"STAT": Answer("+OK 60 999"), "LIST": Answer("+OK", listed)}
    answers |= {f"RETR {number}": Answer("+OK", PLAIN) for number in range(1, 61)}
    _, report = talk(machine(), answers)
    assert (len(report.documents), report.left) == (50, 10)
