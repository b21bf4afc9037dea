"""A row of a table while it is read: whether it is data, to stand on one line, or layout, shows at its end.

Most HTML mail is laid out by tables, and what programs write as a table has a paragraph in each cell.
"""

from typing import Final

import attrs

ROW_CHARACTERS = 80
"""Of a row that is longer, paragraphs in a cell are lines of their own: what a fax has on a line."""

BREAK: Final = "\n"
PARAGRAPH: Final = "\n\n"
BORDER: Final = "\t"
"""What stands between words of a row until it is written: no word is one of these."""


@attrs.define
class Row:
    """What is known of a row: `cells` are those behind, empty ones not counted; `pending` waits for a word.

    `is_data` is False once lines in it were broken by hand; `is_spread` is True once it is written line by line.
    """

    cells: int = 0
    is_in_cell: bool = False
    has_words: bool = False  # the cell does
    is_tall: bool = False  # the cell has paragraphs
    begins_paragraph: bool = False
    ends_paragraph: bool = False
    is_spread: bool = False
    is_data: bool = True
    has_breaks: bool = False
    pending: str = ""
    _is_by_hand: bool = False
    _characters: int = 0

    def wait(self, mark: str, *, by_hand: bool = False) -> None:
        """Break before the next word of the cell, if one comes."""
        twice = by_hand and self._is_by_hand
        self.pending = PARAGRAPH if twice or PARAGRAPH in {mark, self.pending} else mark
        self._is_by_hand = by_hand

    def word(self, characters: int) -> str:
        """Note a word, and return what is to stand before it."""
        mark = self.pending if self.has_words else ""
        if mark:
            self.has_breaks = True
            self.is_data = self.is_data and not self._is_by_hand
            self.is_tall = self.is_tall or mark == PARAGRAPH
        elif not self.cells and self.pending == PARAGRAPH:
            self.begins_paragraph = True
        self.has_words, self.pending, self._is_by_hand = True, "", False
        self._characters += characters
        return mark

    def next_cell(self) -> bool:
        """Begin a cell; tell whether there are words in the one before."""
        had_words = self.has_words
        if had_words:
            self.cells += 1
            self.ends_paragraph = self.pending == PARAGRAPH
        self.has_words, self.is_tall, self.pending, self._is_by_hand = False, False, "", False
        return had_words

    @property
    def is_long(self) -> bool:
        """Whether it is no line any more."""
        return self.has_breaks and self._characters > ROW_CHARACTERS
