"""The table of what matters where is true of shaping itself: a knob turns something there, and nowhere else."""

import base64

import attrs
import pytest

from bridge.shaping.effects import MATTERS, idle
from bridge.shaping.errors import Skipped, Unshapeable
from bridge.shaping.fax.tiffprofiles import Profile
from bridge.shaping.shape import shape
from bridge.shaping.wish import (
    Charset,
    Crypto,
    Deliver,
    FaxText,
    Headers,
    Mdn,
    Oversize,
    Signatures,
    Wish,
)
from tests.unit.shaping.fax.fax_pages import pdf

PNG = b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
PAGE = b"0 g 9 9 99 99 re f"


def mail(text: str) -> bytes:
    """Return a message in which each knob finds something to turn, but for what `text` is."""
    lines = [
        "From: a@example.org",
        "Subject: s",
        f"X-Odd:{30 * ' word'}",
        "Disposition-Notification-To: a@example.org",
        "MIME-Version: 1.0",
        "Content-Type: multipart/related; boundary=b",
        "",
        "--b",
        "Content-Type: text/plain; charset=utf-8",
        "",
        text,
        "--b",
        "Content-Type: image/png",
        "Content-ID: <logo>",
        "Content-Transfer-Encoding: base64",
        "",
        PNG.decode(),
        "--b",
        "Content-Type: text/plain; name=a.txt",
        "Content-Disposition: attachment; filename=a.txt",
        "",
        "A file of text.",
        "--b",
        "Content-Type: application/pdf",
        "Content-Transfer-Encoding: base64",
        "",
        *base64.encodebytes(pdf(PAGE, PAGE)).decode().splitlines(),
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


READ = mail("Grüße\r\n" + "word " * 30 + "\r\n" + "x\r\n" * 2000 + "-- \r\nJörg\r\n")
PGP = mail("-----BEGIN PGP MESSAGE-----")

TURNED = {
    "charset": (READ, Charset.UTF8),
    "line_limit": (READ, 76),
    "headers": (READ, Headers.FEW),
    "attachments": (READ, ("tiff",)),
    "inline_floor": (READ, 0),
    "signatures": (READ, Signatures.DROP),
    "size_octets": (READ, 4096),
    "oversize": (READ, Oversize.ORIGINAL),
    "crypto": (PGP, Crypto.PASS),
    "mdn": (READ, Mdn.STRIP),
    "max_parts": (READ, 2),
    "tiff": (READ, Profile.F),
    "fax_text": (READ, FaxText.DROP),
    "fax_pages": (READ, 1),
}


def outcome(message: bytes, wish: Wish) -> bytes:
    try:
        return b"".join(shape(message, wish))
    except (Unshapeable, Skipped) as error:
        return repr(error).encode()


def test_the_table_knows_every_field_of_a_wish() -> None:
    assert set(MATTERS) == set(attrs.fields_dict(Wish))


@pytest.mark.slow
@pytest.mark.parametrize("deliver", Deliver)
@pytest.mark.parametrize("name", TURNED)
def test_a_knob_turns_something_where_the_table_says_so_and_nowhere_else(
    name: str, deliver: Deliver
) -> None:
    message, value = TURNED[name]
    base = Wish(deliver, size_octets=4096 if name == "oversize" else None)
    turned = attrs.evolve(base, **{name: value})
    assert getattr(turned, name) != getattr(base, name)
    assert (outcome(message, turned) != outcome(message, base)) == (deliver in MATTERS[name])
    assert (name in idle(turned)) == (deliver not in MATTERS[name])


def test_what_is_too_large_matters_only_where_a_size_is_set() -> None:
    wish = Wish(Deliver.PRINT, oversize=Oversize.SKIP)
    assert idle(wish)["oversize"] == (
        "where a largest size is set: leave it out, or choose --size too"
    )
    assert outcome(READ, wish) == outcome(READ, Wish(Deliver.PRINT))
    assert "oversize" not in idle(attrs.evolve(wish, size_octets=4096))


def test_it_is_said_what_a_knob_matters_for_and_what_to_do() -> None:
    assert idle(Wish(Deliver.PRINT, size_octets=4096)) == dict.fromkeys(
        ["tiff", "fax_text", "fax_pages"],
        "where deliver is ifax, and here it is print: leave it out, or choose --deliver ifax",
    )
    assert idle(Wish())["charset"] == (
        "where deliver is print, ifax or text, and here it is original: leave it out, or choose"
        " --deliver print, ifax or text"
    )
