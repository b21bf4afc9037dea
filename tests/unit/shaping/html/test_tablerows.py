"""Rows of tables: data stands on one line, layout line by line."""

import pytest

from bridge.shaping.html.markup import to_text
from bridge.shaping.html.tablerows import BREAK, PARAGRAPH, ROW_CHARACTERS, Row

LONG = "x" * (ROW_CHARACTERS - 3)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (
            "<tr><td><p>Item</p></td><td><p>Qty</p></td></tr><tr><td><p>Nut</p></td>\n<td><div>7</div></td></tr>",
            "Item  Qty\nNut  7",
        ),
        ("<tr><td>Widget<td>5<tr><td>Nut<td>7", "Widget  5\nNut  7"),
        ("<tr><th>a<th>b<tbody><tr><td>c", "a  b\nc"),
        ("<tr><td></td><td>a</td>\n<td> </td> <td>b</td>", "a  b"),
        ("<tr><td><p>Nut</p><p>M 4</p></td><td><p>7</p></td>", "Nut M 4  7"),
        ("<tr><td><p>Dear all,</p><p>thanks.</p></td></tr><tr><td><p>Z</p>", "Dear all,\n\nthanks.\n\nZ"),
        ("<tr><td><div>a</div><div>b</div></td></tr><tr><td><div>c</div>", "a\nb\nc"),
        ("<tr><td>Street<br>Town</td><td>9</td>", "Street\nTown  9"),
        ("<tr><td>Street<br>Town<br></td><td>9<br></td>", "Street\nTown  9"),
        ("<tr><td>a<br><br>b</td>", "a\n\nb"),
        (f"<tr><td><p>{LONG}</p></td><td><p>7</p></td><td><p>8.00</p>", f"{LONG}  7  8.00"),
        (f"<tr><td><p>{LONG}</p><p>text</p></td><td>7</td><td>8", f"{LONG}\n\ntext\n7  8"),
        (f"<tr><td>{LONG}<div>text</div></td><td>7</td><td>8", f"{LONG}\ntext  7  8"),
        ("<tr><td><table><tr><td>a<td>b</table></td><td>c</td><td>d", "a  b\n\nc  d"),
        ("<tr><td><ul><li>a<li>b</ul></td><td>c</td><td>d", "- a\n- b\n\nc  d"),
        ("<tr><td><pre>a\n  b</pre></td><td>c", "a\n  b\n\nc"),
        ("<tr><td>a<hr>b</td><td>c", f"a\n{'-' * 40}\nb\nc"),
    ],
)  # fmt: skip
def test_a_row_is_written_as_it_is_read(rows: str, text: str) -> None:
    assert to_text(f"<table>{rows}</table>") == text


def test_cells_outside_a_table_are_apart_and_what_follows_is_no_cell() -> None:
    assert to_text("a<td>b</td>\n<td>c</td><p>d</p><p>e</p>") == "a\nb  c\n\nd\n\ne"


def test_a_break_waits_for_a_word_in_its_cell() -> None:
    row = Row()
    row.wait(PARAGRAPH)
    assert not row.word(1)
    row.wait(PARAGRAPH)
    row.wait(BREAK)
    assert row.word(1) == PARAGRAPH
    row.wait(PARAGRAPH)
    assert row.next_cell()
    assert not row.next_cell()
    assert not row.word(1)


def test_two_breaks_by_hand_are_an_empty_line() -> None:
    row = Row(has_words=True)
    row.wait(BREAK, by_hand=True)
    row.wait(BREAK, by_hand=True)
    assert row.word(1) == PARAGRAPH
    assert not row.is_data
