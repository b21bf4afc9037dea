"""Text on sheets."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.shaping.fax.lettering import CHARACTERS, LINES, lettered, wrapped


def test_a_sheet_holds_what_the_doc_line_says() -> None:
    assert (CHARACTERS, LINES) == (80, 63)
    text = "\n".join(["x" * 80] * 64)
    first, second = lettered(text)
    box = first.pixels.convert("L").getbbox()
    assert box is not None
    assert (box[0] >= 64, box[2] <= 1728 - 64) == (True, True)
    assert second.pixels.convert("L").getbbox() is not None


def test_lines_break_between_words() -> None:
    line = "word " * 30
    assert all(row.endswith("word") for row in wrapped(line))
    assert max(len(row) for row in wrapped(line)) == 79


@given(st.text(max_size=400))
def test_no_row_is_wider_than_the_sheet_and_no_word_is_lost(line: str) -> None:
    rows = list(wrapped(line.replace("\t", " ")))
    assert all(len(row) <= CHARACTERS for row in rows)


def test_wide_letters_count_twice() -> None:
    assert [len(row) for row in wrapped("中" * 100)] == [80, 80, 40]


def test_a_form_feed_begins_a_sheet() -> None:
    assert len(list(lettered("one\ftwo"))) == 2


@pytest.mark.parametrize("char", "äßéžΩж€≥—")
def test_letters_beyond_ascii_are_drawn(char: str) -> None:
    def ink(text: str) -> bytes:
        (sheet,) = lettered(text)
        return sheet.pixels.tobytes()

    assert ink(char) not in {ink("□"), ink(" ")}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ti\N{LATIN SMALL LETTER E WITH CIRCUMFLEX AND ACUTE}ng", ("Tiếng", "Tieng", "Tiêng")),
        ("\u034f\u200c\u2060a\ufe0f\u20e3", ("a",)),
        ("x\N{COMBINING LONG STROKE OVERLAY}y", ("xy",)),
        ("\N{ARABIC LETTER SEEN}\N{HEBREW LETTER ALEF}", ("□□",)),
    ],
)
def test_nothing_unseen_is_a_box_and_nothing_is_drawn_the_wrong_way_round(
    text: str, shown: tuple[str, ...]
) -> None:
    assert "".join(wrapped(text)) in shown


def test_a_letter_the_font_lacks_is_a_box() -> None:
    (lacking,) = lettered("中")
    (boxes,) = lettered("□□")
    assert lacking.pixels.tobytes() == boxes.pixels.tobytes()


def test_a_long_line_is_lettered_as_far_as_it_is_asked_for() -> None:
    sheets = lettered("x" * 300_000)
    assert len(list(itertools.islice(sheets, 2))) == 2
