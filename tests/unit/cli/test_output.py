import json
from pathlib import Path

import pytest

from bridge.cli.output import loaded, say, table
from bridge.errors import ConfigError


def test_a_table_is_aligned_under_its_headings() -> None:
    rows = [{"name": "a", "folder": ""}, {"name": "longer", "folder": "Faxes"}]
    assert table(rows, "none") == ["NAME    FOLDER", "a       -", "longer  Faxes"]


def test_an_empty_table_is_its_hint() -> None:
    assert table([], "none yet") == ["none yet"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, "-"),
        ([], "-"),
        (["a", "b"], "a, b"),
        (0, "0"),
        (False, "no"),
        (True, "yes"),
        ("x", "x"),
    ],
)
def test_a_cell_says_every_value_so_that_zero_is_not_nothing(value: object, cell: str) -> None:
    assert table([{"k": value}], "")[1] == cell


def test_say_prints_lines_for_people_and_json_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(as_json=False, data=[1], lines=["one", "two"])
    assert capsys.readouterr().out == "one\ntwo\n"
    say(as_json=True, data={"a": [1]}, lines=["one"])
    assert json.loads(capsys.readouterr().out) == {"a": [1]}


def test_a_named_configuration_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--config"):
        loaded(tmp_path / "none.toml")
