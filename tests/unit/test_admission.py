"""What a maildrop admits, and why it refuses what it refuses."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.admission import (
    DAY_SECONDS,
    EVERYTHING,
    LOOPING,
    LOOPING_PROFILES,
    PATTERN,
    Admission,
    refusal,
)
from bridge.devices.profiles import shipped_profiles
from bridge.imprint.imprint import Imprint, ImprintTaker
from bridge.shaping.wish import Deliver
from providers.contract import Attestation

NOW = 1_800_000_000.0


def mail(*fields: str) -> Imprint:
    taker = ImprintTaker()
    taker.feed("\r\n".join([*fields, "", "body"]).encode())
    return taker.finish()


def why(admission: Admission, *fields: str) -> str:
    return refusal(admission, mail(*fields), NOW)


BOSS = "From: The Boss <Boss@Office.Example>"


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("boss@office.example", True),
        ("office.example", True),
        (".office.example", True),
        (".example", True),
        ("example", False),
        ("ss@office.example", False),
        ("ffice.example", False),
        (".ffice.example", False),
        ("boss@office.example.net", False),
    ],
)
def test_a_pattern_names_an_address_a_domain_or_all_below_one(
    pattern: str, *, fits: bool
) -> None:
    assert (why(Admission(allow=(pattern,)), BOSS) == "") is fits
    assert (why(Admission(deny=(pattern,)), BOSS) == "its sender is denied") is fits


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("From: undisclosed",),
        ('From: "boss@office.example" <thief@far.example>',),
        ("From: boss@office.example, thief@far.example",),
        ("From: boss@office.example", "From: thief@far.example"),
        ("From: " + ", ".join(["boss@office.example"] * 30),),
        ("From: " + "(" * 3000 + ")" * 3000 + "boss@office.example",),
    ],
    ids=["none", "no address", "in the name", "two", "two fields", "too many", "too deep"],
)
def test_every_sender_must_be_allowed(fields: tuple[str, ...]) -> None:
    assert why(Admission(allow=("boss@office.example",)), *fields)


def test_one_denied_sender_of_several_is_enough() -> None:
    both = "From: boss@office.example, thief@far.example"
    assert why(Admission(deny=("far.example",)), both) == "its sender is denied"
    assert why(Admission(allow=("office.example",), deny=("office.example",)), BOSS)


def test_a_subject_is_looked_for_whatever_its_letters_and_its_encoding() -> None:
    wanted = Admission(subject="r\u00e4t")
    assert why(wanted, "Subject: =?utf-8?q?GER=C3=84T?= 4") == ""
    assert why(wanted, "Subject: print") == "its subject is without 'r\u00e4t'"


def test_age_is_counted_from_when_the_mailbox_took_it() -> None:
    week = Admission(max_age=7 * DAY_SECONDS)
    # NOW is Fri, 15 Jan 2027 08:00:00 UTC.
    old = "Date: Fri, 08 Jan 2027 07:59:59 +0000"
    assert why(week, old) == "it is older than 7 days"
    assert why(week, "Date: Fri, 08 Jan 2027 08:00:01 +0000") == ""
    assert why(week, "Received: by a; Thu, 14 Jan 2027 00:00:00 +0000", old) == ""
    assert why(week, "Date: yesterday") == ""
    assert why(Admission(not_before=NOW), old) == "it is from before the cut-over"


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("Auto-Submitted: auto-replied; owner=x", "an automatic reply"),
        ("Content-Type: multipart/report; report-type=delivery-status", "a delivery report"),
        ("Return-Path: <>", "without a return path"),
        ("List-Id: <news.example.com>", "of a mailing list"),
        ("Precedence: Bulk", "bulk mail"),
        ("Precedence: auto_reply", "bulk mail"),
        ("Content-Type: message/disposition-notification", "a delivery report"),
        ("X-Failed-Recipients: a@b.example", "a delivery report"),
        ("List-Unsubscribe: <https://news.example>", "of a mailing list"),
        ("X-Autoreply: yes", "an automatic reply"),
        ("X-Auto-Response-Suppress: All", "a program's that wants no answer"),
        ("X-Auto-Response-Suppress: DR, OOF, AutoReply", ""),
        ("From: MAILER-DAEMON@mx.example", "of a mail server"),
        ("Auto-Submitted: no", ""),
        ("Auto-Submitted: no (a person \\) wrote) ; x=y", ""),
        ("Auto-Submitted: (not (no)) auto-generated (no)", "an automatic reply"),
        ("Precedence: Bulk; x", "bulk mail"),
        ("Precedence: (as such) list", "bulk mail"),
        ("Return-Path: <> (none)", "without a return path"),
        ("Return-Path: <a@b.example>", ""),
        ("Precedence: first-class", ""),
    ],
)
def test_what_programs_write_is_refused_where_nothing_automatic_is_admitted(
    field: str, kind: str
) -> None:
    assert why(EVERYTHING, field) == ""
    told = why(Admission(automatic=False), field)
    assert told == (f"nothing automatic is admitted, and it is {kind}" if kind else "")


def test_what_loops_is_a_way_to_deliver() -> None:
    assert {one.value for one in Deliver} >= LOOPING


def test_what_loops_is_a_profile_whose_content_is_an_internet_fax() -> None:
    profiles = shipped_profiles().values()
    assert {one.name for one in profiles if one.content.value in LOOPING} == LOOPING_PROFILES


@pytest.mark.parametrize(
    ("automatic", "profiles", "is_held"),
    [
        (None, ("ricoh-ifax",), True),
        (None, ("zebra", "sharp"), True),
        (None, ("zebra", ""), False),
        (True, ("ricoh-ifax",), False),
    ],
)
def test_a_fax_is_known_by_its_profile_too_however_its_mail_arrives(
    automatic: bool | None,  # noqa: FBT001 - a row of the table
    profiles: tuple[str, ...],
    *,
    is_held: bool,
) -> None:
    admission = Admission(automatic=automatic)
    why = refusal(admission, mail("Precedence: bulk"), NOW, "original", profiles)
    assert bool(why) is is_held
    assert admission.refuses("original", profiles) is is_held
    assert ("nothing automatic" in admission.spelled("original", profiles)) is is_held
    assert refusal(admission, mail(BOSS), NOW, "original", profiles) == ""


@pytest.mark.parametrize(
    ("automatic", "deliver", "is_held"),
    [
        (None, "original", False),
        (None, "print", False),
        (None, "ifax", True),
        (True, "ifax", False),
        (False, "ifax", True),
        (False, "original", True),
    ],
)
def test_a_fax_gets_nothing_automatic_unless_its_owner_allows_it(
    automatic: bool | None,  # noqa: FBT001 - a row of the table
    deliver: str,
    *,
    is_held: bool,
) -> None:
    report = mail("Content-Type: multipart/report; report-type=disposition-notification")
    admission = Admission(automatic=automatic)
    assert bool(refusal(admission, report, NOW, deliver)) is is_held
    assert refusal(admission, mail(BOSS), NOW, deliver) == ""


@pytest.mark.parametrize(
    ("admission", "deliver", "is_held"),
    [
        (EVERYTHING, "original", False),
        (Admission(at_most=3, refused_to="Refused"), "print", False),
        (Admission(printable=True), "print", False),
        (EVERYTHING, "ifax", True),
        (Admission(automatic=True), "ifax", False),
        (Admission(automatic=False), "print", True),
        (Admission(allow=("office.example",)), "print", True),
        (Admission(deny=("far.example",)), "print", True),
        (Admission(subject="print"), "print", True),
        (Admission(max_age=DAY_SECONDS), "print", True),
        (Admission(not_before=1.0), "print", True),
        (Admission(authenticated=True), "print", True),
    ],
)
def test_what_hides_behind_a_long_header_is_refused_where_a_rule_asks_of_it(
    admission: Admission, deliver: str, *, is_held: bool
) -> None:
    long = attrs.evolve(mail(), is_cut=True, is_printable=True)
    said = refusal(admission, long, NOW, deliver)
    assert said == ("its header holds more than is read" if is_held else "")


def test_a_message_without_anything_to_print_is_refused_where_it_must() -> None:
    wanted = Admission(printable=True)
    assert why(wanted, BOSS) == "it has no attachment that can be printed"
    assert refusal(wanted, attrs.evolve(mail(BOSS), is_printable=True), NOW) == ""


VOUCHED = Attestation(("office.example",), "dmarc=pass")


@pytest.mark.parametrize(
    ("fields", "attestation", "told"),
    [
        ((BOSS,), VOUCHED, ""),
        (("From: a@sub.office.example",), VOUCHED, ""),
        (("From: a@notoffice.example",), VOUCHED, "dmarc=pass"),
        ((BOSS,), Attestation((), "dmarc=fail"), "dmarc=fail"),
        ((BOSS,), None, "the mailbox's service tells nothing of that"),
        ((), VOUCHED, "it does not name one sender"),
        ((BOSS, "From: a@office.example"), VOUCHED, "it does not name one sender"),
    ],
)
def test_a_sender_that_the_service_does_not_vouch_for_is_refused_where_it_must(
    fields: tuple[str, ...], attestation: Attestation | None, told: str
) -> None:
    message = attrs.evolve(mail(*fields), attestation=attestation)
    said = refusal(Admission(authenticated=True), message, NOW)
    assert said == (f"its sender is not authenticated: {told}" if told else "")
    assert refusal(EVERYTHING, message, NOW) == ""


@given(st.binary(max_size=400))
def test_everything_admits_whatever_a_header_holds_and_others_decide(octets: bytes) -> None:
    taker = ImprintTaker()
    taker.feed(octets)
    imprint = taker.finish()
    assert refusal(EVERYTHING, imprint, NOW) == ""
    strict = Admission(("a.example",), ("b.example",), "x", 1, 1.0, automatic=False)
    assert isinstance(refusal(strict, imprint, NOW), str)


@pytest.mark.parametrize(
    "admission",
    [
        EVERYTHING,
        Admission(
            ("a",),
            ("b", "c"),
            "s",
            9,
            1.5,
            automatic=False,
            authenticated=True,
            at_most=5,
            newest_first=True,
            refused_to="R",
            printable=True,
        ),
    ],
)
def test_what_is_stored_is_read_again(admission: Admission) -> None:
    assert Admission.parse(admission.stored()) == admission


def test_what_an_older_release_stored_admits_everything() -> None:
    assert Admission.parse("{}") == EVERYTHING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "@",
        "a@",
        "@a.example",
        "-",
        "a@b@",
        "*.example",
        "*@a.example",
        "a?@b.example",
    ],
)
def test_what_is_no_pattern_is_not_taken_for_one(text: str) -> None:
    assert not PATTERN.fullmatch(text)
