import pytest

from bridge.simulators.habits import Content
from bridge.simulators.judging import PARTS, judged

IFAX = Content(
    mode="ifax",
    types=("multipart/mixed", "text/plain", "image/tiff"),
    charsets=("us-ascii", "iso-8859-"),
    unverified=True,
)
ANY = Content(mode="original", unverified=True)
MIXED = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'


def parts(*kinds: bytes) -> bytes:
    each = (b"--b\r\nContent-Type: " + kind + b"\r\n\r\nx\r\n" for kind in kinds)
    return MIXED + b"".join(each) + b"--b--\r\n"


def test_a_tiff_beside_text_is_printed() -> None:
    assert judged(parts(b"text/plain", b"image/tiff"), IFAX) == ("text/plain, image/tiff", "")


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"Content-Type: text/html\r\n\r\nx", "text/html is nothing it can use"),
        (parts(b"image/tiff", b"application/pdf"), "application/pdf is nothing it can use"),
        (b"Content-Type: text/plain; charset=utf-8\r\n\r\nx", "it knows no charset utf-8"),
    ],
)
def test_what_a_fax_cannot_use_is_refused_with_the_reason(octets: bytes, why: str) -> None:
    assert judged(octets, IFAX) == ("", why)
    assert judged(octets, ANY)[1] == ""


def test_a_thousand_parts_and_a_deep_nest_are_refused() -> None:
    assert "parts" in judged(parts(*[b"text/plain"] * PARTS), ANY)[1]
    assert judged(b"Content-Type: message/rfc822\r\n\r\n" * 2000, ANY)[1]
