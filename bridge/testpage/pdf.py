"""Writes a PDF of one page, A4, with the fonts that every reader has: what to print it asks of nobody; pure.

ISO 32000-1 section 7.5 (how a file is built), 9.6.2.2 (the standard fonts), annex D (WinAnsiEncoding).
"""

from collections.abc import Sequence
from typing import Final

WIDTH, HEIGHT = 595, 842
"""A4, in points of 1/72 inch."""

MILLIMETRE: Final = 72 / 25.4

FRAMES: Final = (5, 15)
"""How far from the edge, in millimetres, the frames are: most machines print up to 5, all up to 15."""

_LEFT = 20 * MILLIMETRE
_TITLE, _TEXT = 20, 10  # points; of the second a Courier character is 6 points wide
_PLAIN = frozenset(map(chr, range(0x20, 0x7F))) - set("()\\")
_SAMPLES = (6, 8, 12, 18)  # points
_HAIRLINES = (0.25, 0.5, 1.0, 2.0)  # points


def drawn_page(title: str, lines: Sequence[str], letters: str) -> bytes:
    """Return a page with frames at the margins, a title, lines in letters of one width, samples of letters."""
    drawn = [*_frames(), _said("F1", _TITLE, _LEFT, HEIGHT - 75, title)]
    top = HEIGHT - 110.0
    for line in lines:
        drawn.append(_said("F2", _TEXT, _LEFT, top, line))
        top -= 1.4 * _TEXT
    for size in _SAMPLES:
        top -= 1.6 * size
        drawn.append(_said("F1", size, _LEFT, top, f"{size} points: {letters}"))
    top -= 20
    for width in _HAIRLINES:
        top -= 8
        drawn.append(f"{width} w {_LEFT:.2f} {top:.2f} m {WIDTH - _LEFT:.2f} {top:.2f} l S")
    return one_page("\n".join(drawn).encode("ascii"))


def one_page(drawing: bytes) -> bytes:
    """Return a PDF of one page with these drawing operators; its fonts are F1 and F2, Helvetica and Courier."""
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>" % (WIDTH, HEIGHT)
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        page,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
        _font(b"Helvetica"),
        _font(b"Courier"),
    ]
    pdf = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return pdf + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table, len(objects) + 1, len(pdf))
    )


def _font(name: bytes) -> bytes:
    return b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % name


def _frames() -> Sequence[str]:
    drawn = []
    for margin in FRAMES:
        edge = margin * MILLIMETRE
        drawn.append(
            f"0.5 w {edge:.2f} {edge:.2f} {WIDTH - 2 * edge:.2f} {HEIGHT - 2 * edge:.2f} re S"
        )
        drawn.append(_said("F1", 6, edge + 3, edge + 3, f"{margin} mm from the edge of A4"))
    return drawn


def _said(font: str, size: int, left: float, top: float, text: str) -> str:
    return f"BT /{font} {size} Tf {left:.2f} {top:.2f} Td ({_string(text)}) Tj ET"


def _string(text: str) -> str:
    """Return a literal string (section 7.3.4.2) in ASCII; a letter that WinAnsiEncoding lacks is a question mark."""
    octets = text.encode("cp1252", "replace")
    return "".join(chr(octet) if chr(octet) in _PLAIN else f"\\{octet:03o}" for octet in octets)
