import pytest

from bridge.pop3.languages import LANGUAGES, answer, matching
from bridge.pop3.quirks import STANDARD, with_settings
from bridge.pop3.voice import Voice


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        ("en", "en"), ("EN", "en"), ("en-GB", "en"), ("en-Latn-US-x-y", "en"), ("*", "en"),
        ("i-default", "i-default"), ("I-DEFAULT", "i-default"),
        ("i", None), ("i-default-x", None), ("eng", None), ("de", None), ("*-en", None), ("", None), ("\udcff", None),
    ],
)  # fmt: skip
def test_a_range_finds_the_language_that_fits_it(asked: str, tag: str | None) -> None:
    """RFC 4647 section 3.4."""
    assert matching(asked) == tag


@pytest.mark.parametrize("wording", ["full", "short"])
def test_the_exact_tag_stands_between_blanks_however_short_the_reply(wording: str) -> None:
    """RFC 6856 section 3.2."""
    voice = Voice(with_settings(STANDARD, {"wording": wording}))
    for tag in LANGUAGES:
        status, told, *text = answer(tag, voice).decode("ascii").split(" ")
        assert (status, told) == ("+OK", tag)
        assert text
    assert answer("de", voice).startswith(b"-ERR ")


def test_the_list_is_of_tags_and_what_they_are_called() -> None:
    """RFC 6856 section 3.2, "language listing"."""
    lines = answer(None, Voice(STANDARD)).split(b"\r\n")
    assert lines[1:] == [b"en English", b"i-default", b".", b""]
