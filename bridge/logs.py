"""Writes events as lines that no device can forge and that hold no secret they recognise.

Redaction looks at every value and at foreign loggers' texts, by POP3's grammar. It is the last line
of defence: callers log no secrets to begin with, and a base64 line by itself looks like any word.
"""

import json
import logging
import math
import re
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TextIO, TypeAlias

MAX_VALUE = 512  # characters of one value: enough to recognise it, too little to flood a disk
REDACTED = "[redacted]"

_MAX_FRAMES = 8  # the innermost frames of a traceback; those outside are the event loop's
_MAX_CAUSES = 8  # exceptions behind one, or inside a group of them
_MAX_NUMBER_BITS = (
    64  # longer numbers are shown in base 16: base 10 costs the square of the length
)

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

_Scalar: TypeAlias = str | int | float | None
_Pairs: TypeAlias = Iterator[tuple[str, _Scalar]]
_Failure: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]


class EventLog:
    """Logs events: a fixed name made of words and hyphens, and fields that say which and how many."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, /, **fields: object) -> None:
        """Log what helps to find a fault."""
        if self._logger.isEnabledFor(logging.DEBUG):
            self._write(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Log what an owner may want to look up later."""
        if self._logger.isEnabledFor(logging.INFO):
            self._write(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Log what an owner should look into."""
        if self._logger.isEnabledFor(logging.WARNING):
            self._write(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Log what does not work; every level tells it."""
        self._write(logging.ERROR, event, fields)

    def exception(self, event: str, /, **fields: object) -> None:
        """Log what does not work, with the exception that is being handled."""
        kind, error, trace = sys.exc_info()
        failure = None if kind is None or error is None else (kind, error, trace)
        self._write(logging.ERROR, event, fields, failure)

    def _write(
        self,
        level: int,
        event: str,
        fields: Mapping[str, object],
        failure: _Failure | None = None,
    ) -> None:
        # Made here and not by Logger.log, which would walk the stack for a file name nobody reads.
        record = self._logger.makeRecord(
            self._logger.name, level, "", 0, event, (), failure, extra={"event_fields": fields}
        )
        self._logger.handle(record)


def get(name: str) -> EventLog:
    """Return the log of one part of the house."""
    return EventLog(logging.getLogger(name))


def configure(level: str, style: str, stream: TextIO) -> None:
    """Send all that is logged in this process to `stream`, of libraries from warnings on.

    `level` and `style` are the values of LogConfig. Calling it again replaces what it did before.
    """
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler.formatter, _Formatter):
            root.removeHandler(handler)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter(_json_line if style == "json" else _text_line))
    handler.addFilter(_is_told)
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    # A line that cannot be written would else be printed as it is: unescaped, with its secrets.
    logging.raiseExceptions = False
    # Nobody reads these of a record, and finding them costs more than the rest of it.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


# ---- redaction

_SUSPECT = re.compile(
    r"pass|apop|auth|bearer|secret|token|code|verifier|assertion", re.IGNORECASE
)
_SECRET_NAME = re.compile(
    r"secret|passw|passphrase|token|grant|authori[sz]ation", re.IGNORECASE
)

# A text may be the repr of what was on the wire, or JSON, where one octet is two characters or more.
_START = r"(?:(?<![a-z0-9])|(?<=\\[nrtbf0])|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4}))"
_GAP = r"(?:[\s\0-\x20\x7f]|\\[nrtbf0]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4})+"
_COMMAND = re.compile(
    # RFC 1939 section 7, RFC 5034 section 4: what follows is a secret, to the end.
    rf"{_START}(pass|apop|auth{_GAP}[a-z0-9_-]+)({_GAP})(?=.).*",
    re.IGNORECASE | re.DOTALL,
)
_HEADER = re.compile(r"(authorization[\"']?\s*[:=]\s*).*", re.IGNORECASE | re.DOTALL)
_BEARER = re.compile(
    rf"{_START}(bearer){_GAP}[^\s\"',;\\]+", re.IGNORECASE
)  # RFC 6750 section 2.1
_PAIR = re.compile(
    r"((?:password|passwd|passphrase|secret|token|verifier|assertion|_code|[?&]code(?==)"
    r"|[\"']code(?=[\"']\s*:\s*[\"']))[\"']?\s*[:=]\s*)"
    r"(?:\"[^\"]*\"?|'[^']*'?|[^\s\"'&,;]+)",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """Return `text` without what follows PASS, APOP, AUTH and a mechanism, Bearer, or `password=`."""
    if not _SUSPECT.search(text):
        return text
    text = _COMMAND.sub(rf"\1 {REDACTED}", text)
    text = _HEADER.sub(rf"\1{REDACTED}", text)
    text = _BEARER.sub(rf"\1 {REDACTED}", text)
    return _PAIR.sub(rf"\1{REDACTED}", text)


# ---- from a record to a line


class _Formatter(logging.Formatter):
    """Renders every record, of ours or of a library, as one line."""

    def __init__(self, render: Callable[[logging.LogRecord], str]) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        return self._render(record)


def _is_told(record: logging.LogRecord) -> bool:
    """Keep quiet what libraries tell below WARNING: some spell whole requests there, codes included."""
    return record.levelno >= logging.WARNING or hasattr(record, "event_fields")


def _text_line(record: logging.LogRecord) -> str:
    event, pairs = _told(record)
    head = f"{_moment(record)} {_quoted(record.levelname)} {_quoted(event)}"
    return " ".join([head, *(f"{_quoted(key)}={_spelled(value)}" for key, value in pairs)])


def _json_line(record: logging.LogRecord) -> str:
    event, pairs = _told(record)
    line: dict[str, _Scalar] = {
        "time": _moment(record),
        "level": record.levelname.lower(),
        "event": event,
    }
    for key, value in pairs:
        line[f"{key}_" if key in line else key] = value
    return json.dumps(line, allow_nan=False).replace("\x7f", "\\u007f")


def _moment(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))


def _told(record: logging.LogRecord) -> tuple[str, _Pairs]:
    """Return the event and its fields; what a library says is an event of its own."""
    fields = getattr(record, "event_fields", None)
    if isinstance(fields, Mapping):
        return _safe(str(record.msg)), _pairs(fields, record)
    said = {"logger": record.name, "text": _tried(record.getMessage, repr(record.msg))}
    return "library-message", _pairs(said, record)


def _pairs(fields: Mapping[str, object], record: logging.LogRecord) -> _Pairs:
    for key, value in fields.items():
        yield key, REDACTED if _SECRET_NAME.search(key) else _scalar(value)
    if record.exc_info and record.exc_info[1] is not None:
        yield from _exception(record.exc_info[1])


def _tried(say: Callable[[], str], instead: str) -> str:
    try:
        return say()
    except Exception:  # noqa: BLE001 - a library's wrong arguments must not lose the whole line
        return instead


def _scalar(value: object) -> _Scalar:
    match value:
        case str():
            return _safe(value)
        case None | bool():
            return value
        case int() if value.bit_length() <= _MAX_NUMBER_BITS:
            return int(value)
        case int():
            return _safe(f"{value:#x}")
        case float() if math.isfinite(value):
            return value
        case bytes() | bytearray():
            return _safe(value[: MAX_VALUE + 1].decode("ascii", "backslashreplace"))
        case _:
            return _safe(_tried(value.__str__, f"<{type(value).__name__}>"))


def _safe(text: str) -> str:
    # Cut first: a secret stands behind the word that gives it away, so none is uncovered by it.
    return _cut(redacted(text[: MAX_VALUE + 1]))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 3] + "..."


def _exception(error: BaseException) -> _Pairs:
    yield "exception", _safe(_kind(error))
    yield "exception_text", _scalar(error)
    yield "exception_trace", _safe(" < ".join(_frames(error)))
    if behind := "; ".join(
        f"{_kind(one)}: {_scalar(one)}{_place(one)}" for one in _causes(error)
    ):
        yield (
            "exception_causes",
            _cut(behind),
        )  # each is safe; the last word of one hides no other


def _kind(error: BaseException) -> str:
    return type(error).__qualname__


def _frames(error: BaseException) -> list[str]:
    """Return the innermost frames, the innermost first."""
    frames = deque(traceback.walk_tb(error.__traceback__), maxlen=_MAX_FRAMES)
    return [
        f"{'/'.join(frame.f_code.co_filename.split('/')[-2:])}:{line} {frame.f_code.co_name}"
        for frame, line in reversed(frames)
    ]


def _place(error: BaseException) -> str:
    frames = _frames(error)
    return f" ({frames[0]})" if frames else ""


def _causes(error: BaseException) -> list[BaseException]:
    """Return what led to `error` and what a group holds, the nearest first."""
    found = [error]
    for one in found:  # grows while it is read
        behind = list(one.exceptions) if isinstance(one, BaseExceptionGroup) else []
        context = None if one.__suppress_context__ else one.__context__
        behind += [near for near in (one.__cause__ or context,) if near is not None]
        found += [near for near in behind if all(near is not known for known in found)]
        if len(found) > _MAX_CAUSES:
            break
    return found[1 : _MAX_CAUSES + 1]


# ---- spelling

_BARE = re.compile(r"[A-Za-z0-9_.:/@+,%\[\]-]+")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def _spelled(value: _Scalar) -> str:
    match value:
        case str():
            return _quoted(value)
        case None | bool():
            return str(value).lower()
        case _:
            return str(value)


def _quoted(text: str) -> str:
    """Return `text` as one word, in quotation marks where it needs them."""
    if _BARE.fullmatch(text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(one: str) -> str:
    if one in _ESCAPES:
        return _ESCAPES[one]
    return one if one.isprintable() else f"\\u{ord(one):04x}"
