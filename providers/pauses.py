"""Says how long a service wants to be left alone, from the headers of its answer."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 86400.0
"""What a service may ask for at most; more is a mistake of its or of a clock's."""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of Retry-After, in either of its forms (RFC 9110 section 10.2.3).

    A date is held against the answer's own Date, so that a wrong clock here does not matter; only
    where there is none, against `now`, in seconds since the epoch. None where the service does not
    say, or not in a way that can be read.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    seconds = _number(text)
    if seconds is None:
        until = http_date(text)
        if until is None:
            return None
        served = http_date(headers.get("Date", ""))
        seconds = until - (now if served is None else served)
    return min(max(seconds, 0.0), LONGEST_SECONDS)


def http_date(text: str) -> float | None:
    """Return an HTTP date in seconds since the epoch (RFC 9110 section 5.6.7); None for anything else."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _number(text: str) -> float | None:
    """Return a plain decimal number; "1e9", "nan" and foreign digits are none."""
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    return float(text) if digits.isascii() and digits.isdigit() and whole else None
