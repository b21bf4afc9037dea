import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import logs
from bridge.logs import MAX_VALUE, EventLog, configure

MOMENT = 1795435200.5  # 2026-11-23T12:00:00.5Z


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    flags = ("raiseExceptions", "logThreads", "logProcesses", "logMultiprocessing")
    values = {flag: getattr(logging, flag) for flag in flags}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for flag, value in values.items():
        setattr(logging, flag, value)


class Heard:
    """What was written, in either style."""

    def __init__(self, style: str, level: str = "debug") -> None:
        self.stream = io.StringIO()
        configure(level, style, self.stream)
        self.log = logs.get("bridge.test")

    def line(self) -> str:
        text = self.stream.getvalue()
        assert text.endswith("\n")
        assert text.count("\n") == 1
        return text[:-1]

    def body(self) -> str:
        moment, body = self.line().split(" ", 1)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment)
        return body

    def values(self) -> dict[str, Any]:
        return dict(json.loads(self.line()))


@pytest.fixture
def text() -> Heard:
    return Heard("text")


@pytest.fixture
def jsons() -> Heard:
    return Heard("json")


# ---- lines


def test_a_line_of_text_has_moment_level_event_and_fields(text: Heard) -> None:
    text.log.info("maildrop-locked", connection="c12", messages=3)
    assert text.body() == "INFO maildrop-locked connection=c12 messages=3"


def test_a_line_of_json_has_the_same(jsons: Heard) -> None:
    jsons.log.warning("maildrop-locked", connection="c12", messages=3, late=True, why=None)
    values = jsons.values()
    assert re.fullmatch(r"[0-9T:-]{19}Z", values.pop("time"))
    assert values == {
        "level": "warning",
        "event": "maildrop-locked",
        "connection": "c12",
        "messages": 3,
        "late": True,
        "why": None,
    }


@pytest.mark.parametrize("style", ["text", "json"])
def test_the_moment_is_utc_and_has_no_fraction(style: str) -> None:
    heard = Heard(style)
    record = logging.makeLogRecord(
        {"name": "x", "msg": "y", "created": MOMENT, "levelno": 40, "levelname": "ERROR"}
    )
    logging.getLogger().handle(record)
    assert "2026-11-23T12:00:00Z" in heard.line()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("fd00::1", "fd00::1"),
        ("two words", '"two words"'),
        ("", '""'),
        ("a=b", '"a=b"'),
        ('say "x" \\', '"say \\"x\\" \\\\"'),
        ("a\r\n\tb", '"a\\r\\n\\tb"'),
        ("\x1b[2J\x00\x7f\u2028\u202e", '"\\u001b[2J\\u0000\\u007f\\u2028\\u202e"'),
        ("Büro", '"Büro"'),
        (b"RETR \xff\r\n", '"RETR \\\\xff\\r\\n"'),
        (bytearray(b"STAT"), "STAT"),
        (True, "true"),
        (None, "none"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        (-7, "-7"),
        (1 << 65, "0x20000000000000000"),
        (("a", 1), "\"('a', 1)\""),
        (OSError(2, "No such file"), '"[Errno 2] No such file"'),
    ],
)
def test_a_value_is_one_word_that_says_where_it_ends(
    text: Heard, value: object, shown: str
) -> None:
    text.log.info("event", field=value)
    assert text.body() == f"INFO event field={shown}"


def test_numbers_that_json_does_not_know_are_text(jsons: Heard) -> None:
    jsons.log.info("event", a=float("nan"), b=float("-inf"), c=10**5000)
    values = jsons.values()
    assert (values["a"], values["b"]) == ("nan", "-inf")
    assert len(values["c"]) == MAX_VALUE


def test_json_holds_nothing_that_a_terminal_obeys(jsons: Heard) -> None:
    jsons.log.info("event", field="\x1b\x7f\x9b\u202e")
    assert jsons.line().isprintable()
    assert jsons.line().isascii()
    assert jsons.values()["field"] == "\x1b\x7f\x9b\u202e"


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("value", ["x" * 10_000, b"x" * 10_000, ["x"] * 10_000])
def test_a_value_is_cut(style: str, value: object) -> None:
    heard = Heard(style)
    heard.log.info("event", field=value)
    assert "..." in heard.line()
    assert len(heard.line()) < MAX_VALUE + 100


def test_a_value_of_the_longest_length_is_whole(text: Heard) -> None:
    text.log.info("event", field="x" * MAX_VALUE)
    assert text.body().endswith("=" + "x" * MAX_VALUE)


def test_a_field_that_has_the_name_of_a_part_of_the_line_hides_nothing(jsons: Heard) -> None:
    jsons.log.info("real", event="forged", level="error", time="never")
    values = jsons.values()
    assert (values["event"], values["level"]) == ("real", "info")
    assert (values["event_"], values["level_"], values["time_"]) == ("forged", "error", "never")


def test_a_value_that_cannot_be_spelled_does_not_lose_the_line(text: Heard) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    text.log.info("event", field=Broken(), other=1)
    assert text.body() == 'INFO event field="<Broken>" other=1'


def anything() -> st.SearchStrategy[object]:
    return st.one_of(
        st.text(), st.binary(), st.integers(), st.floats(), st.none(), st.lists(st.text())
    )


@pytest.mark.parametrize("style", ["text", "json"])
@given(
    event=st.text(),
    fields=st.dictionaries(st.text(), anything(), max_size=3),
    foreign=st.text(),
)
def test_nothing_that_is_logged_can_make_a_second_line(
    style: str, event: str, fields: dict[str, object], foreign: str
) -> None:
    heard = Heard(style)
    heard.log.error(event, **fields)
    logging.getLogger(foreign.strip(".") or "x").error(foreign)
    lines = heard.stream.getvalue().removesuffix("\n")
    assert lines.count("\n") == 1
    assert lines.replace("\n", "").isprintable()


# ---- levels


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", list("abcd")), ("info", list("bcd")), ("warning", list("cd")), ("error", ["d"]),
    ],
)  # fmt: skip
def test_events_below_the_level_are_not_told(level: str, heard: list[str]) -> None:
    told = Heard("text", level)
    told.log.debug("a")
    told.log.info("b")
    told.log.warning("c")
    told.log.error("d")
    assert [line.split(" ")[2] for line in told.stream.getvalue().splitlines()] == heard


def test_events_below_the_level_are_not_even_spelled() -> None:
    class Loud:
        def __str__(self) -> str:
            raise AssertionError("was asked")

    told = Heard("text", "error")
    told.log.debug("a", field=Loud())
    assert told.stream.getvalue() == ""


def test_configuring_again_replaces_the_first_time() -> None:
    first = Heard("text")
    second = Heard("json")
    second.log.info("event")
    assert first.stream.getvalue() == ""
    assert second.values()["event"] == "event"


def test_one_name_is_one_log(text: Heard) -> None:
    for log in (logs.get("bridge.test"), EventLog(logging.getLogger("bridge.test"))):
        log.info("event")
    assert text.stream.getvalue().count("INFO event\n") == 2


# ---- libraries and exceptions


def test_a_library_message_is_an_event_of_its_own(text: Heard) -> None:
    logging.getLogger("asyncio").warning("took %.1f s\nsee %s", 0.5, "below")
    assert text.body() == (
        'WARNING library-message logger=asyncio text="took 0.5 s\\nsee below"'
    )


def test_what_a_library_says_below_a_warning_is_not_told(text: Heard) -> None:
    logging.getLogger("msal.token_cache").debug('"device_code": "AQAB"')
    assert text.stream.getvalue() == ""


def test_a_library_that_miscounts_its_arguments_is_still_heard(text: Heard) -> None:
    logging.getLogger("asyncio").warning("%d of them", "x")
    assert text.body() == "WARNING library-message logger=asyncio text=\"'%d of them'\""


def throw(error: Exception) -> None:
    raise error


def fail() -> None:
    try:
        throw(KeyError("first\nPASS hunter2"))
    except KeyError as error:
        raise ExceptionGroup("several", [ValueError("one"), OSError("two")]) from error


def test_an_exception_is_one_line_with_type_text_frames_and_causes(jsons: Heard) -> None:
    try:
        fail()
    except ExceptionGroup:
        jsons.log.exception("session-failed", connection="c1")
    values = jsons.values()
    assert values["connection"] == "c1"
    assert values["exception"] == "ExceptionGroup"
    assert values["exception_text"] == "several (2 sub-exceptions)"
    assert re.match(r"unit/test_logs\.py:\d+ fail < unit/test_", values["exception_trace"])
    causes = values["exception_causes"]
    assert causes.startswith("ValueError: one; OSError: two; KeyError: ")
    assert "hunter2" not in causes
    assert re.search(r"\(unit/test_logs\.py:\d+ throw\)$", causes)


def test_the_exception_of_a_library_is_told_too(text: Heard) -> None:
    try:
        throw(ValueError("two\nlines"))
    except ValueError:
        logging.getLogger("asyncio").exception("Task failed")
    assert 'exception=ValueError exception_text="two\\nlines"' in text.body()


def test_an_exception_that_was_suppressed_is_not_told(jsons: Heard) -> None:
    try:
        try:
            throw(KeyError("inner"))
        except KeyError:
            raise ValueError("outer") from None
    except ValueError:
        jsons.log.exception("event")
    assert "exception_causes" not in jsons.values()


def test_a_ring_of_causes_ends(jsons: Heard) -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    try:
        raise one
    except ValueError:
        jsons.log.exception("event")
    assert jsons.values()["exception_causes"] == "ValueError: two"


def test_a_long_chain_of_causes_is_cut(jsons: Heard) -> None:
    error = ValueError("0")
    for number in range(1, 30):
        outer = ValueError(str(number))
        outer.__cause__, error = error, outer
    try:
        raise error
    except ValueError:
        jsons.log.exception("event")
    assert jsons.values()["exception_causes"].count("ValueError") == 8


def test_without_an_exception_there_is_none_to_tell(text: Heard) -> None:
    text.log.exception("event")  # noqa: LOG004 - a caller's mistake must not lose the event
    assert text.body() == "ERROR event"


# ---- secrets


@pytest.mark.parametrize(
    "key",
    [
        "secret", "apop_secret", "password", "Password", "passwd", "passphrase",
        "token", "access_token", "grant", "authorization", "authorisation",
    ],
)  # fmt: skip
@pytest.mark.parametrize("style", ["text", "json"])
def test_the_value_of_a_field_named_like_a_secret_is_masked(style: str, key: str) -> None:
    heard = Heard(style)
    heard.log.info("event", **{key: "hunter2"})
    assert "hunter2" not in heard.line()
    assert "[redacted]" in heard.line()


def test_a_credential_in_a_text_is_masked(text: Heard) -> None:
    line = "got b'PASS hunter2'"
    text.log.info("event", line=line, raw=line.encode())
    logging.getLogger("library").warning("%s", line)
    assert "hunter2" not in text.stream.getvalue()
    assert text.stream.getvalue().count("[redacted]") == 3


@pytest.mark.parametrize("length", range(MAX_VALUE - 20, MAX_VALUE + 20))
def test_cutting_a_text_uncovers_no_secret(text: Heard, length: int) -> None:
    text.log.info("event", line="x" * (length - 12) + " PASS hunter2")
    assert "hun" not in text.line()
