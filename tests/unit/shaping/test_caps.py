"""What costs more than a message may is refused before it is read."""

import base64

import pytest

from bridge.shaping.errors import Unshapeable
from bridge.shaping.shape import shape
from bridge.shaping.wish import Deliver, Wish

PRINT = Wish(Deliver.PRINT)


def nested(levels: int) -> bytes:
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(levels)
    )
    return opened + b"\r\nx\r\n"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (nested(1000), "parts that hold parts"),
        (nested(40), "levels deep"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_000, "too many parts"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 30_000, "look like boundaries"),
        (b"Subject: x\r\n" * 30_000 + b"\r\n", "header is larger"),
        (b"Subject: " + b"x" * 70_000 + b"\r\n\r\n", "header field of more"),
        (b"Content-Type: a/b" + b'; x="' * 3000 + b"\r\n\r\n", "Content-Type of more"),
        (b"a: b\r\n\r\n" + b"\r\n" * 600_000, "lines that are not base64"),
        (b"a: b\r\n\r\n" + b"x y\t" * 9_000_000, "octets that are not base64"),
    ],
    ids=["1000-levels", "40-levels", "10000-parts", "boundaries", "header", "field", "type", "lines", "octets"],
)  # fmt: skip
def test_a_hostile_message_is_refused_with_a_sentence(message: bytes, why: str) -> None:
    with pytest.raises(Unshapeable, match=why):
        shape(message, PRINT)


@pytest.mark.parametrize("count", [200, 20_000])
@pytest.mark.parametrize(
    "hostile",
    [b"<a '", b"<a \"'>", b"<!--", b"<![CDATA[", b"&#" + b"9" * 50, b"<blockquote>", b"<"],
)
def test_hostile_html_ends_as_text(hostile: bytes, count: int) -> None:
    """The cost grows with the size alone: `make bench` shows how much it is."""
    whole = b"".join(shape(b"Content-Type: text/html\r\n\r\n" + hostile * count, PRINT))
    assert len(whole) < 20 * len(hostile) * count + 500


def test_an_image_of_a_billion_pixels_is_named_instead() -> None:
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\xff\xff\xff\0\xff\xff\xff" + b"\x08" * 99
    message = b"Content-Type: image/png; name=big.png\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    whole = b"".join(shape(message + base64.b64encode(head) + b"\r\n", PRINT))
    assert b"big.png is not printed (it claims to be larger than any page" in whole.replace(
        b"=\r\n", b""
    )
