from email.utils import formatdate

import pytest
from multidict import CIMultiDict

from providers.pauses import LONGEST_SECONDS, http_date, retry_after

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


def http(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("007", 7.0),
        ("86400", 86400.0),
    ],
)
def test_seconds_are_taken_as_they_are(text: str, seconds: float) -> None:
    assert retry_after({"Retry-After": text}, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "soon",
        "-5",
        "1e9",
        "nan",
        "inf",
        "+3",
        ".5",
        "5,0",
        "1_0",
        "٣",
        "0x10",
        "1.2.3",
    ],
)
def test_what_is_no_time_to_wait_is_as_if_nothing_was_said(text: str) -> None:
    assert retry_after({"Retry-After": text}, NOW) is None


def test_without_the_header_nothing_was_said() -> None:
    assert retry_after({"Date": http(NOW)}, NOW) is None


def test_the_header_is_found_whatever_its_letters() -> None:
    """RFC 9110 section 5.1; the transport hands its headers over in such a mapping."""
    assert retry_after(CIMultiDict({"retry-AFTER": "3"}), NOW) == 3.0


def test_a_date_is_held_against_the_answers_own_clock() -> None:
    """RFC 9110 section 10.2.3; a clock here that is a day off must not make a pause of a day."""
    headers = {"Retry-After": http(NOW + 90), "Date": http(NOW)}
    assert retry_after(headers, NOW + 86400) == 90.0
    assert retry_after(headers, NOW - 86400) == 90.0


def test_a_date_without_the_answers_clock_is_held_against_ours() -> None:
    assert retry_after({"Retry-After": http(NOW + 90)}, NOW) == 90.0
    headers = {"Retry-After": http(NOW + 90), "Date": "yesterday"}
    assert retry_after(headers, NOW + 30) == 60.0


def test_a_date_that_is_over_asks_for_no_wait() -> None:
    assert retry_after({"Retry-After": http(NOW - 90), "Date": http(NOW)}, NOW) == 0.0


@pytest.mark.parametrize("text", ["86401", "99999999999999999999", http(NOW + 10**8)])
def test_no_wait_is_longer_than_a_day(text: str) -> None:
    assert retry_after({"Retry-After": text, "Date": http(NOW)}, NOW) == LONGEST_SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "Tue, 14 Nov 2023 22:13:20 GMT",
        "Tuesday, 14-Nov-23 22:13:20 GMT",
    ],
)
def test_a_date_is_read_in_both_forms_that_services_send(text: str) -> None:
    assert http_date(text) == NOW


@pytest.mark.parametrize(
    "text", ["", "now", "Tue, 99 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 99999 22:13:20 GMT", "12"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert http_date(text) is None
