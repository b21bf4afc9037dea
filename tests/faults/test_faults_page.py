"""docs/faults.md is what `make faults` writes: the matrix tests hold its rows, these its shape."""

from tests.faults.fault_kinds import CELLS
from tests.faults.faults_page import PAGE, parse, render


def test_the_page_has_a_row_for_every_cell_and_no_other() -> None:
    assert set(parse(PAGE.read_text("utf-8"))) == {(c.name, k.name) for c, k in CELLS}


def test_the_page_is_laid_out_as_it_is_written() -> None:
    page = PAGE.read_text("utf-8")
    assert render(parse(page)) == page
