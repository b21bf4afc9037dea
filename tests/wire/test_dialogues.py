"""Plays every dialogue of this folder, each in three ways of cutting what the client sends."""

from pathlib import Path

import pytest

from tests.wire.player import Chunking, Dialogue, differences

DIALOGUES = sorted((Path(__file__).parent / "dialogues").glob("*.txt"))
TO_PLAY = [
    pytest.param(path, marks=pytest.mark.slow if path.stem.startswith("limit-line") else ())
    for path in DIALOGUES
]


def in_one_segment(octets: bytes) -> list[bytes]:
    return [octets]


def one_octet_at_a_time(octets: bytes) -> list[bytes]:
    return [octets[index : index + 1] for index in range(len(octets))]


def line_by_line(octets: bytes) -> list[bytes]:
    return octets.splitlines(keepends=True)


@pytest.mark.parametrize(
    "chunking",
    [in_one_segment, one_octet_at_a_time, line_by_line],
    ids=lambda way: way.__name__,
)
@pytest.mark.parametrize("path", TO_PLAY, ids=lambda path: path.stem)
def test_a_dialogue_goes_as_written(path: Path, chunking: Chunking) -> None:
    happened, expected = Dialogue.read(path).play(chunking)
    assert "\n".join(differences(happened, expected)) == ""


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_a_dialogue_says_what_it_shows_and_who_says_so(path: Path) -> None:
    dialogue = Dialogue.read(path)
    assert dialogue.about
    assert dialogue.source


@pytest.mark.parametrize(
    ("changed", "instead"),
    [
        ("S: +OK 2 320", "S: +OK 2 321"),
        ("X: quit", "T:"),
        ("E: 1", "E: 2"),
        ("M: 1\n", "M: 2\n"),
        ("S: .\n", ""),
        ("S: +OK ...\nC: RETR 2", "S: -ERR ...\nC: RETR 2"),
        ("C: STAT\n", ""),
    ],
)
def test_the_player_notices_a_dialogue_that_goes_otherwise(
    tmp_path: Path, changed: str, instead: str
) -> None:
    text = (Path(__file__).parent / "dialogues" / "rfc1939-10-example.txt").read_text("utf-8")
    assert changed in text
    spoilt = tmp_path / "spoilt.txt"
    spoilt.write_text(text.replace(changed, instead, 1), "utf-8")
    happened, expected = Dialogue.read(spoilt).play(in_one_segment)
    assert differences(happened, expected)


def test_the_player_takes_no_response_code_for_any_words() -> None:
    assert differences(["S: -ERR [AUTH] Login failed"], ["S: -ERR ..."])
    assert differences(["S: -ERR"], ["S: -ERR ..."])
    assert not differences(["S: -ERR Unknown command"], ["S: -ERR ..."])


@pytest.mark.parametrize("line", ["S +OK", "maildrop: 3", "D: 1"])
def test_the_player_refuses_a_file_it_does_not_understand(tmp_path: Path, line: str) -> None:
    for text in (f"about: x\n{line}\n\nX: quit\n", f"about: x\n\n{line}\n"):
        path = tmp_path / "broken.txt"
        path.write_text(text, "utf-8")
        with pytest.raises(ValueError, match="is no"):
            Dialogue.read(path)
