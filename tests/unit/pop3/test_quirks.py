import re
from pathlib import Path

import attrs
import pytest

from bridge.errors import RegisterError
from bridge.pop3.quirks import CHOICES, STANDARD, Quirks, SingleSession, spelled, with_settings

TESTS = Path(__file__).parents[2]
PLACES = {"single_session": TESTS / "system/machines/scripts"}
"""Where transcripts lie: with those of one session, but for a quirk of two."""

SOURCES = [path for path in (TESTS.parent / "bridge").rglob("*.py") if path.name != "quirks.py"]


def test_every_field_can_be_set_and_nothing_else() -> None:
    assert set(CHOICES) == {field.name for field in attrs.fields(Quirks)}


@pytest.mark.parametrize("name", CHOICES)
def test_what_is_spelled_is_read_back(name: str) -> None:
    for text in CHOICES[name]:
        assert spelled(with_settings(STANDARD, {name: text}))[name] == text


@pytest.mark.parametrize("name", CHOICES)
def test_every_quirk_is_asked_in_one_file(name: str) -> None:
    asked = [
        path for path in SOURCES if re.search(rf"quirks\.{name}\b", path.read_text("utf-8"))
    ]
    assert len(asked) == 1, asked


@pytest.mark.parametrize("name", CHOICES)
def test_every_value_of_a_quirk_has_a_transcript(name: str) -> None:
    """A quirk is a named setting applied in one place, with a transcript in the tests."""
    place = PLACES.get(name, TESTS / "wire/dialogues")
    shown = {path.name for path in place.glob("quirk-*.txt")}
    for text in CHOICES[name]:
        file = f"quirk-{name.replace('_', '-')}-{text}.txt"
        assert file in shown
        heading = (place / file).read_text("utf-8").partition("\n\n")[0]
        assert f"{name} {text}" in heading


def test_what_is_not_set_stays() -> None:
    busy = with_settings(STANDARD, {"single_session": "busy"})
    assert with_settings(busy, {"top": "off"}).single_session is SingleSession.BUSY


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"colour": "on"}, "no quirk colour; choose one of capa, uidl"),
        ({"capa": "yes"}, "capa cannot be 'yes'; choose on or off"),
        ({"temp_error": "empty"}, "choose sys-temp or in-use or plain"),
    ],
)
def test_what_there_is_not_is_one_sentence_with_the_choices(
    settings: dict[str, str], said: str
) -> None:
    with pytest.raises(RegisterError, match=said):
        with_settings(STANDARD, settings)
