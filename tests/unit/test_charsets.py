"""A text is read by the charset that is meant, which is not always the one that is named."""

import base64

import pytest

from bridge.charsets import codec_meant, has_wide_mark, is_wide, told
from bridge.shaping.letters import decoded
from bridge.shaping.wish import Charset, Deliver, Wish
from tests.unit.shaping.messages import made, shaped, text_of, within


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        (b"Gr\xc3\xb6\xc3\x9fe \xff", "utf-8", "Gr\u00f6\u00dfe \u00ff"),
        (b"Gr\xc3\xb6\xc3\x9fe \x80 9", "", "Gr\u00f6\u00dfe \u20ac 9"),
        (b"cut in two: \xc3\xbc\xc3", "utf-8", "cut in two: \u00fc\u00c3"),
        (b"Gr\xf6\xdfe", "utf-8", "Gr\u00f6\u00dfe"),
        (b"Gr\xf6\xdfe", "x-nonsense", "Gr\u00f6\u00dfe"),
        (b"Gr\xf6\xdfe \x81", "iso-8859-1", "Gr\u00f6\u00dfe \ufffd"),
        (b"\xb3\xf3d\x9f \x93a\x94 \x96", "iso-8859-2", "\u0142\u00f3d\u0178 \u201ca\u201d \u2013"),
        (b"\xfe \x93", "ISO-8859-9", "\u015f \u201c"),
        (b"\xf9", "iso-8859-8-i", "\u05e9"),
        (b"\x90\x40", "gb2312", "\u6008"),
        (b"\x87\x40", "shift_jis", "\u2460"),
        (b"\x81\x41", "ks_c_5601-1987", "\uac02"),
        (b"\xe0", "win-1251", "\u0430"),
        (b"\xe0", "windows-1251 (Cyrillic)", "\u0430"),
        (b"\xa1", "tis-620", "\u0e01"),
    ],
)  # fmt: skip
def test_octets_are_read_as_what_they_mean(octets: bytes, charset: str, text: str) -> None:
    assert decoded(octets, charset) == text


@pytest.mark.parametrize("name", ["idna", "punycode", "x" * 41, "latin\u00e71", "", "none"])
def test_what_is_no_charset_of_mail_is_none(name: str) -> None:
    assert not codec_meant(name)


@pytest.mark.parametrize(
    ("octets", "charset", "is_html", "name"),
    [
        (b"<html><meta charset=windows-1251>", "", True, "windows-1251"),
        (b"<meta http-equiv=x content='text/html; charset = \"koi8-r\"'>", "", True, "koi8-r"),
        (b'<META\nCHARSET="utf-16">', "", True, "utf-8"),
        (b"<meta charset=windows-1251>", "utf-8", True, "utf-8"),
        (b"<meta charset=windows-1251>", "", False, ""),
        (b" " * 1020 + b"<meta charset=windows-1251>", "", True, ""),
        (b"<metal charset=windows-1251>", "", True, ""),
        (b"\xef\xbb\xbf<meta charset=windows-1251>", "koi8-r", True, "utf-8"),
        (b"\xff\xfea\0", "utf-8", False, "utf-16-le"),
        (b"\xfe\xff\0a", "", False, "utf-16-be"),
    ],
)
def test_a_text_may_say_its_charset(
    octets: bytes, charset: str, *, is_html: bool, name: str
) -> None:
    assert told(octets, charset, is_html=is_html) == name


def test_wide_letters_are_known_by_name_and_mark() -> None:
    assert is_wide('"UTF_16LE"')
    assert not is_wide("utf-8")
    assert has_wide_mark(b"\xff\xfea")
    assert not has_wide_mark(b"a\0")


LETTERS = Wish(Deliver.PRINT, charset=Charset.UTF8)


@pytest.mark.parametrize(
    "head", ["Content-Type: text/html\n", "Content-Type: text/plain; name=p.HTM\n"]
)
def test_an_html_page_is_read_by_what_it_says(head: str) -> None:
    page = base64.encodebytes("<meta charset=windows-1251><p>Заказ".encode("cp1251")).decode()
    message = made(f"{head}Content-Transfer-Encoding: base64\n\n{page}")
    assert "Заказ" in text_of(shaped(message, LETTERS))


@pytest.mark.parametrize(
    ("codec", "kind"),
    [
        ("utf-16", "application/octet-stream"),
        ("utf-16", "text/plain"),
        ("utf-16-le", "text/plain; charset=utf-16le"),
        ("utf-16-be", "text/csv; charset=UTF-16BE"),
    ],
)
def test_a_file_of_wide_letters_is_a_text(codec: str, kind: str) -> None:
    letters = base64.encodebytes("žeť ě;1\r\n".encode(codec)).decode()
    file = f"Content-Type: {kind}; name=o.txt\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment\n\n{letters}"
    printed = shaped(within("Content-Type: text/plain\n\nhi\n", file), LETTERS)
    (found,) = [part for part in printed.walk() if part.get_filename()]
    content = found.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.decode() == "žeť ě;1\r\n"
