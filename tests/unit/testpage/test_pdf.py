import re
from collections.abc import Sequence

import pypdfium2
import pytest

from bridge.testpage.page import LETTERS, ruler
from bridge.testpage.pdf import FRAMES, HEIGHT, MILLIMETRE, WIDTH, drawn_page, one_page

LINES: Sequence[str] = ["Maildrop:  hall (first) \\ second", "", *ruler()]
SCALE = 4.0


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return drawn_page("popbridge test page", LINES, LETTERS)


def test_it_is_one_page_of_a4_that_says_all_it_is_given(pdf: bytes) -> None:
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 1
    assert document[0].get_size() == (WIDTH, HEIGHT)
    said = document[0].get_textpage().get_text_range()
    assert "popbridge test page" in said
    assert "hall (first) \\ second" in said
    assert said.count(LETTERS) == 4
    assert ruler()[1] in said
    document.close()


def test_every_object_lies_where_the_table_says(pdf: bytes) -> None:
    """ISO 32000-1 section 7.5.4: a printer that reads PDF itself has no patience with a wrong offset."""
    begin = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", pdf)[0])
    head, count = pdf[begin:].split(b"\n")[:2]
    assert (head, count) == (b"xref", b"0 7")
    rows = pdf[begin:].split(b"\n")[2:9]
    assert rows[0] == b"0000000000 65535 f "
    for number, row in enumerate(rows[1:], 1):
        assert len(row) == 19  # and a line feed: 20 octets each
        assert pdf[int(row[:10]) :].startswith(b"%d 0 obj\n" % number)


def test_its_stream_is_as_long_as_it_says(pdf: bytes) -> None:
    (length,) = re.findall(rb"/Length (\d+)", pdf)
    (stream,) = re.findall(rb"stream\n(.*)\nendstream", pdf, re.DOTALL)
    assert len(stream) == int(length)
    assert pdf.isascii()


def test_its_frames_lie_at_the_margins_and_nothing_lies_outside(pdf: bytes) -> None:
    document = pypdfium2.PdfDocument(pdf)
    drawn = document[0].render(scale=SCALE).to_pil().convert("1")
    row = drawn.height // 2
    inked = [column for column in range(drawn.width // 2) if not drawn.getpixel((column, row))]
    document.close()
    for frame in FRAMES:
        wanted = frame * MILLIMETRE * SCALE
        assert any(abs(column - wanted) <= 2 for column in inked)
    assert inked[0] >= FRAMES[0] * MILLIMETRE * SCALE - 2


def test_a_letter_that_no_standard_font_has_is_a_question_mark() -> None:
    document = pypdfium2.PdfDocument(drawn_page("Ω€", [], ""))
    assert "?€" in document[0].get_textpage().get_text_range()
    document.close()


def test_a_page_of_nothing_is_one() -> None:
    document = pypdfium2.PdfDocument(one_page(b""))
    assert len(document) == 1
    document.close()
