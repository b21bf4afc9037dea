import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.tomllines import KeyPath, key_lines, line_of

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"


def lines_of(text: str) -> dict[KeyPath, int]:
    text = dedent(text)
    tomllib.loads(text)  # the precondition
    return key_lines(text)


def paths(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield everything inside a parsed document with its key path."""
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    else:
        return
    for key, inner in inside:
        yield (*path, key), inner
        yield from paths(inner, (*path, key))


# ---- one rule of TOML after the other


def test_keys_before_any_header_belong_to_the_root() -> None:
    assert lines_of("\n# a comment\none = 1\n\ntwo = 2\n") == {("one",): 3, ("two",): 5}


def test_an_empty_text_has_no_keys() -> None:
    assert lines_of("") == {}
    assert lines_of("# nothing but a comment") == {}


def test_keys_after_a_header_belong_to_its_table() -> None:
    lines = lines_of("[a]\nx = 1\n[b] # why\n  y = 2")
    assert lines == {("a",): 1, ("a", "x"): 2, ("b",): 3, ("b", "y"): 4}


def test_every_item_of_an_array_of_tables_is_counted() -> None:
    lines = lines_of("[[door]]\nx = 1\n[[door]]\nx = 2\n[[door]]\n")
    assert lines == {
        ("door",): 1,
        ("door", 0): 1,
        ("door", 0, "x"): 2,
        ("door", 1): 3,
        ("door", 1, "x"): 4,
        ("door", 2): 5,
    }


def test_a_table_below_an_array_of_tables_belongs_to_its_newest_item() -> None:
    lines = lines_of("[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2\n[[a.c]]\n[[a.c]]\ny = 3\n")
    assert lines[("a", 0, "b", "x")] == 3
    assert lines[("a", 1, "b", "x")] == 6
    assert lines[("a", 1, "c", 0)] == 7
    assert lines[("a", 1, "c", 1, "y")] == 9
    assert ("a", 0, "c") not in lines


def test_the_array_of_a_new_item_is_counted_from_its_start() -> None:
    lines = lines_of("[[a]]\n[[a.c]]\n[[a]]\n[[a.c]]\nx = 1\n")
    assert lines[("a", 1, "c", 0, "x")] == 5


def test_dotted_keys_open_tables() -> None:
    lines = lines_of("a.b . c = 1\na.d = 2\n[x.y]\nz.w = 3\n")
    assert lines[("a",)] == 1
    assert lines[("a", "b")] == 1
    assert lines[("a", "b", "c")] == 1
    assert lines[("a", "d")] == 2
    assert lines[("x",)] == 3
    assert lines[("x", "y", "z", "w")] == 4


def test_a_table_named_twice_is_where_it_was_named_first() -> None:
    assert lines_of("[a.b]\n[a]\nx = 1")[("a",)] == 1


def test_quoted_keys_are_spelled_out() -> None:
    lines = lines_of('"a.b" = 1\n\'c d\' = 2\n"e\\u0041\\"#" = 3\n["]".\'[\']\nx = 4\n')
    assert lines[("a.b",)] == 1
    assert lines[("c d",)] == 2
    assert lines[('eA"#',)] == 3
    assert lines[("]", "[", "x")] == 5


def test_keys_made_of_digits_are_keys() -> None:
    assert lines_of("1.2 = 3") == {("1",): 1, ("1", "2"): 1}


def test_items_of_a_long_array_have_their_own_lines() -> None:
    lines = lines_of("a = [ # first ]\n  1,\n\n  2, # ,\n  [3,\n  4],\n]\nb = 5\n")
    assert [lines[("a", item)] for item in range(3)] == [2, 4, 5]
    assert (lines[("a", 2, 0)], lines[("a", 2, 1)]) == (5, 6)
    assert lines[("b",)] == 8


def test_inline_tables_are_tables() -> None:
    lines = lines_of("a = {b = 1, c.d = {e = [1, {f = 2}]}}\ng = [\n{},\n{h = '}'},\n]\ni = 1")
    assert lines[("a", "c", "d", "e", 1, "f")] == 1
    assert lines[("g", 0)] == 3
    assert lines[("g", 1, "h")] == 4
    assert lines[("i",)] == 6


@pytest.mark.parametrize(
    "value",
    [
        '"""\n[a]\nb = 1\n"""',
        "'''\n[a]\n# b = 1\n'''",
        '"""one\\\n  two \\" \\\\"""',
        '"""quoted "" inside\n"""""',
        "'''quoted '' inside\n'''''",
        '"""\n\\"""\n"""',
        '""""start\n"""',
        '""""""',
        "''''''",
    ],
)
def test_what_looks_like_toml_inside_a_string_is_text(value: str) -> None:
    text = f"a = {value}\nnext = 1\n"
    assert list(tomllib.loads(text)) == ["a", "next"]
    assert key_lines(text) == {("a",): 1, ("next",): text.count("\n")}


@pytest.mark.parametrize(
    "value",
    [
        '""',
        "''",
        '"\\""',
        "'\\'",
        '"# no comment"',
        '"]"',
        "-1_000",
        "1e5",
        "inf",
        "true",
        "1979-05-27 07:32:00Z",
        "07:32:00",
        "0xFF # with ] and }",
        "[]",
        "[ # empty ]\n]",
        "{}",
        "{ }",
        "[[], [[]]]",
        "[1,]",
        "['a', \"b\", 1979-05-27 07:32:00, {c = []}]",
    ],
)
def test_the_key_after_any_value_is_found(value: str) -> None:
    text = f"a={value}\nnext = 1"
    tomllib.loads(text)
    assert key_lines(text)[("next",)] == text.count("\n") + 1


def test_windows_line_ends_count_once() -> None:
    text = "[a]\r\nx = 1 # why\r\ny = [\r\n1,\r\n2]\r\nz = '''\r\n'''\r\nw = 2\r\n"
    tomllib.loads(text)
    lines = key_lines(text)
    assert (lines[("a", "x")], lines[("a", "y", 1)], lines[("a", "w")]) == (2, 5, 8)


def test_a_missing_key_is_on_the_line_of_what_is_around_it() -> None:
    lines = lines_of("\n[a]\nx = 1\n[[b]]\n")
    assert line_of(lines, ("a", "y")) == 2
    assert line_of(lines, ("b", 0, "c", 3)) == 4
    assert line_of(lines, ("c", "d")) == 1
    assert line_of(lines, ()) == 1


def test_text_that_is_not_toml_ends_with_an_error_and_not_in_a_loop() -> None:
    with pytest.raises(ValueError, match="line 2"):
        key_lines("a = 1\n%")


# ---- whole documents


def test_the_example_is_mapped_key_by_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    lines, rows = key_lines(text), text.splitlines()
    found = dict(paths(tomllib.loads(text)))
    assert set(lines) == set(found)
    for path, value in found.items():
        row = rows[lines[path] - 1]
        if isinstance(path[-1], str) and not isinstance(value, dict | list):
            assert row.startswith(f"{path[-1]} = "), path
        elif isinstance(value, str):
            assert f'"{value}"' in row, path
        elif isinstance(value, dict):
            assert row.strip("[]") == path[0], path


class Writer:
    """Writes a random document in which every number stands once, so that its line can be found."""

    BLANKS = ("", "", "\n", "# [not.a.table]\n", "\n# a = 'b\n\n")
    DECOYS = (
        '"[x] # = \\""',
        "'{,}]'",
        '"""\n[x]\ny = "z"\n"""',
        "'''\n# ]\n\\'''",
        "true",
        "[]",
        "{}",
    )

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._count = 1_000_000
        self._arrays: list[str] = []
        self.text = ""

    def choose(self, *choices: str) -> str:
        return self._data.draw(st.sampled_from(choices))

    def times(self, most: int, least: int = 0) -> range:
        return range(self._data.draw(st.integers(least, most)))

    def number(self) -> str:
        self._count += 1
        return str(self._count)

    def key(self) -> str:
        # Letters, so that no key looks like one of the numbers that lines are found by.
        name = self.number().translate(str.maketrans("0123456789", "abcdefghij"))
        return self.choose(name, f'"{name}.#"', f"'{name} ['", f'"\\"{name}\\t"')

    def dotted(self) -> str:
        return self.choose(".", " . ").join(self.key() for _ in self.times(3, least=1))

    def array(self, depth: int) -> str:
        items = [self.choose("", "\n", " # ,\n") + self.value(depth - 1) for _ in self.times(3)]
        end = self.choose("", ",", ",\n", "\n#]\n") if items else ""
        return "[" + self.choose(",", "\n,", " , ").join(items) + end + "]"

    def inline(self, depth: int) -> str:
        pairs = [f"{self.dotted()} = {self.value(depth - 1)}" for _ in self.times(2)]
        return "{ " + ", ".join(pairs) + " }"

    def value(self, depth: int) -> str:
        match self.choose("number", "number", "decoy", "array", "inline"):
            case "array" if depth:
                return self.array(depth)
            case "inline" if depth:
                return self.inline(depth)
            case "decoy":
                return self.choose(*self.DECOYS)
            case _:
                return self.number()

    def header(self) -> str:
        match self.choose("table", "array", "again", "below"):
            case "again" if self._arrays:
                return f"[[{self.choose(*self._arrays)}]]"
            case "below" if self._arrays:
                return f"[{self.choose(*self._arrays)}.{self.key()}]"
            case "array":
                self._arrays.append(self.dotted())
                return f"[[{self._arrays[-1]}]]"
            case _:
                return f"[ {self.dotted()} ]"

    def document(self) -> str:
        for block in self.times(4, least=1):
            if block:
                self.text += f"{self.header()}{self.choose('', ' # ]')}\n"
            for _ in self.times(3):
                self.text += f"{self.choose(*self.BLANKS)}{self.dotted()} = {self.value(2)}\n"
        return self.text


@given(st.data())
def test_every_number_of_a_random_document_is_on_its_line(data: st.DataObject) -> None:
    text = Writer(data).document()
    lines, rows = key_lines(text), text.splitlines()
    found = dict(paths(tomllib.loads(text)))
    assert set(lines) == set(found)
    for path, value in found.items():
        if type(value) is int:
            assert str(value) in rows[lines[path] - 1], (path, text)
