import attrs
import pytest

from bridge.names import DeviceName, MaildropName, SpoolId
from bridge.shaping.wish import Deliver
from bridge.testpage.page import LETTERS, RULER_COLUMNS, Kind, Page, facts, ruler, usual_kind

PAGE = Page(
    SpoolId(17),
    "popbridge.lan",
    MaildropName("hall"),
    (DeviceName("hall-printer"),),
    1_790_000_000.0,
    Kind.TEXT,
    Deliver.ORIGINAL,
)


def test_a_page_tells_where_it_comes_from_when_and_how_large_it_is() -> None:
    assert facts(PAGE, 868) == [
        "Message:   17",
        "Bridge:    popbridge.lan",
        "Maildrop:  hall",
        "Devices:   hall-printer",
        "Time:      2026-09-21 14:13:20 UTC",
        "Kind:      text",
        "Octets:        868 as made; sent as it is (original)",
    ]


@pytest.mark.parametrize("deliver", Deliver)
def test_a_page_says_whether_it_is_shaped_before_it_is_sent(deliver: Deliver) -> None:
    last = facts(attrs.evolve(PAGE, deliver=deliver), 1)[-1]
    is_shaped = deliver not in (Deliver.ORIGINAL, Deliver.COMMAND)
    assert last.endswith(f"({deliver.value})")
    assert ("shaped before" in last) == is_shaped


def test_its_lines_are_as_long_whatever_its_octets_are() -> None:
    few, many = (sum(map(len, facts(PAGE, octets))) for octets in (0, 9_999_999))
    assert few == many


def test_of_a_page_that_is_drawn_later_no_octets_are_told() -> None:
    page = attrs.evolve(PAGE, kind=Kind.TIFF)
    assert facts(page, 868)[-1] == "Octets:    sent as it is (original)"


def test_a_fax_maildrop_gets_what_has_to_be_drawn() -> None:
    kinds = {deliver: usual_kind(deliver) for deliver in Deliver}
    assert kinds.pop(Deliver.IFAX) is Kind.PDF
    assert set(kinds.values()) == {Kind.TEXT}


def test_long_names_are_wrapped_within_the_ruler() -> None:
    names = tuple(DeviceName(letter * 62) for letter in "abc")
    lines = facts(attrs.evolve(PAGE, bridge=f"{'x' * 63}.{'y' * 63}.lan", devices=names), 1)
    assert max(map(len, lines)) <= RULER_COLUMNS
    joined = "".join(line.strip() for line in lines)
    assert all(name in joined.replace(" ", "") for name in names)


def test_a_herd_of_devices_does_not_fill_it() -> None:
    names = [DeviceName(f"printer-{n}") for n in range(200)]
    told = [facts(attrs.evolve(PAGE, devices=tuple(names[:n])), 1)[3] for n in (0, 3, 200)]
    assert told == [
        "Devices:   none yet",
        "Devices:   printer-0, printer-1, printer-2",
        "Devices:   printer-0, printer-1, printer-2 and 197 more",
    ]


def test_the_ruler_numbers_every_column() -> None:
    tens, ones = ruler()
    assert len(tens) == len(ones) == RULER_COLUMNS
    assert ones[9::10] == "0" * 7
    assert [tens[at - 2 : at] for at in range(10, 71, 10)] == [
        "10",
        "20",
        "30",
        "40",
        "50",
        "60",
        "70",
    ]


def test_the_letters_are_of_latin_1() -> None:
    assert len(LETTERS.encode("iso-8859-1")) == len(LETTERS)
    assert not LETTERS.isascii()
