"""How large things come to lie on the paper of a fax."""

import pytest

from bridge.shaping.fax.paper import A4_ROWS, LONGEST, Place, place, sheet_columns
from bridge.shaping.fax.tiffprofiles import Profile


def test_a4_lies_in_its_size_in_the_middle() -> None:
    where = place(210 / 25.4, 297 / 25.4, Profile.S)
    assert (where.columns, where.width, where.left) == (1728, 1687, 20)
    assert where.rows == A4_ROWS


def test_letter_is_narrowed_by_a_hair() -> None:
    where = place(8.5, 11, Profile.S)
    assert where.width == 1728
    assert where.rows == pytest.approx(11 * 196, rel=0.004)


@pytest.mark.parametrize(
    ("inches", "columns"), [(8.27, 1728), (8.5, 1728), (9.84, 2048), (11.69, 2432), (30, 2432)]
)
def test_profile_f_has_wider_paper(inches: float, columns: int) -> None:
    assert sheet_columns(inches, Profile.F) == columns
    assert sheet_columns(inches, Profile.S) == 1728


def test_what_is_too_wide_is_scaled_both_ways() -> None:
    where = place(16.94, 10, Profile.S)
    assert where.width == 1728
    assert where.rows == pytest.approx(980, abs=2)


def test_legal_is_one_sheet_and_a_roll_is_several() -> None:
    assert list(Place(1728, 1728, LONGEST).slices()) == [(0, LONGEST)]
    cut = list(Place(1728, 1728, LONGEST + 1).slices())
    assert cut == [(0, A4_ROWS), (A4_ROWS, LONGEST + 1 - A4_ROWS)]
