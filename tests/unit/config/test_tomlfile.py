from pathlib import Path

import pytest

from bridge.config.tomlfile import MAX_FILE_OCTETS, TomlFile, read_toml, shown, spelled
from bridge.config.tomlvalues import Fault
from bridge.errors import ConfigError


def complaint(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_toml(path)
    assert caught.value.exit_code == 3
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_a_file_is_read_as_utf_8(file: Path) -> None:
    file.write_bytes('name = "Büro"\n'.encode())
    assert read_toml(file).raw == {"name": "Büro"}


def test_the_byte_order_mark_of_windows_editors_is_no_fault(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    assert read_toml(file).raw == {"a": 1, "b": 2}


def test_a_missing_file_is_one_sentence(file: Path) -> None:
    assert complaint(file) == (
        f"{file}: cannot be read (No such file or directory); name a file that this user may read"
    )


def test_a_folder_is_one_sentence(tmp_path: Path) -> None:
    assert complaint(tmp_path).startswith(f"{tmp_path}: cannot be read (Is a directory);")


def test_other_encodings_are_one_sentence(file: Path) -> None:
    file.write_bytes(b"a = 1\nb = '\xfc'\n")
    assert complaint(file) == f"{file}:2: is not UTF-8; save the file as UTF-8"


def test_an_endless_file_is_not_read_to_its_end(file: Path) -> None:
    file.write_bytes(b"#" * (MAX_FILE_OCTETS + 1))
    assert "is longer than 1048576 octets" in complaint(file)


def test_a_file_of_the_longest_length_is_read(file: Path) -> None:
    file.write_bytes(b"#" * MAX_FILE_OCTETS)
    assert read_toml(file).raw == {}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a = 1\nb 2\n", "2:3", "Expected '=' after a key"),
        ("a = 1\nb = yes\n", "2:5", "this is no value"),
        ("a = 1\n  a = 2\n", "2:8", "this key is set twice"),
        ("a = 1\nb = [1,\n", "3:1", "the file ends too early"),
        ("a = 1\nb = ", "2:5", "the file ends too early"),
        ("a = 'x\x1b[0m'\n", "1:7", "Found invalid character '\\x1b'"),
    ],
)
def test_a_syntax_error_names_line_and_column(
    file: Path, text: str, place: str, words: str
) -> None:
    file.write_text(text, encoding="utf-8")
    told = complaint(file)
    assert told.startswith(f"{file}:{place}: ")
    assert words in told
    assert told.isprintable()


def test_nesting_without_end_is_one_sentence(file: Path) -> None:
    file.write_text("a = " + "[" * 20_000 + "]" * 20_000, encoding="utf-8")
    assert complaint(file) == f"{file}: nests lists or tables too deeply; write them flat"


def test_any_nesting_that_is_read_can_be_complained_about(file: Path) -> None:
    for depth in range(1, 1000, 9):
        file.write_text("a = " + "[" * depth + "]" * depth, encoding="utf-8")
        try:
            read = read_toml(file)
        except ConfigError:
            return  # too deep for tomllib itself
        told = str(read.complaint([Fault(("a",), "must go")]))
        assert told in {
            f"{file}:1: a = {'[[...]]' if depth > 1 else '[]'}: must go",
            f"{file}: nests lists or tables too deeply; write them flat",
        }
    raise AssertionError("no depth was too deep")


def test_a_text_too_deep_to_find_lines_in_is_one_sentence(file: Path) -> None:
    read = TomlFile(file, "a = " + "[" * 20_000, {})
    told = str(read.complaint([Fault(("a",), "must go")]))
    assert told == f"{file}: nests lists or tables too deeply; write them flat"


def test_faults_are_told_in_the_order_of_the_file(file: Path) -> None:
    file.write_text('\n[t]\nb = "x"\n[[u]]\na = true\n', encoding="utf-8")
    faults = [
        Fault(("u", 0, "c"), "is missing"),
        Fault(("u", 0, "a"), "must be a number"),
        Fault(("t", "b"), "must be y"),
        Fault(("t", "b"), "must be y"),
    ]
    assert str(read_toml(file).complaint(faults)).splitlines() == [
        f'{file}:3: t.b = "x": must be y',
        f"{file}:4: u[0].c: is missing",
        f"{file}:5: u[0].a = true: must be a number",
    ]


def test_the_value_of_an_unknown_key_stays_untold(file: Path) -> None:
    file.write_text('password = "hunter2"', encoding="utf-8")
    fault = Fault(("password",), "is not a key", shows_value=False)
    assert str(read_toml(file).complaint([fault])) == f"{file}:1: password: is not a key"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        ('a"b\\', '"a\\"b\\\\"'),
        ("a\x1b[2Jb\n", '"a\\u001b[2Jb\\u000a"'),
        ("\u202eevil", '"\\u202eevil"'),
        ("Büro", '"Büro"'),
        (True, "true"),
        (5, "5"),
        (["a", False, ["b"]], '["a", false, [...]]'),
        ({"a": 1}, "{...}"),
        ({}, "{}"),
        ("x" * 100, '"' + "x" * 56 + "..."),
    ],
)
def test_values_are_shown_short_and_harmless(value: object, text: str) -> None:
    assert shown(value) == text


def test_paths_are_spelled_as_an_owner_would() -> None:
    assert spelled(("listener", 0, "tls")) == "listener[0].tls"
    assert spelled(("a.b", "c\x1b")) == '"a.b"."c\\u001b"'
