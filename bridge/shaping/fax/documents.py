"""Draws the pages of a PDF on sheets, by PDFium, as large as they are or as fit."""

import contextlib
from collections.abc import Iterator

import pypdfium2
from PIL import Image
from pypdfium2 import raw

from bridge.shaping.fax.inking import inked
from bridge.shaping.fax.paper import Limits, Place, Sheet, Unprintable, place
from bridge.shaping.fax.tiffprofiles import Profile

_POINTS = 72  # an inch
_QUARTER_TURN = 1
_FLAGS = raw.FPDF_ANNOT | raw.FPDF_PRINTING


def documented(data: bytes, profile: Profile, limits: Limits) -> Iterator[Sheet]:
    """Yield the sheets of a PDF, filled-in forms and notes included; a landscape page lies on its side.

    Raises:
        Unprintable: it is none, damaged, or wants a password.
    """
    with _opened(data) as document:
        if not len(document):
            raise Unprintable("has no page")
        for number in range(min(len(document), limits.pages + 1)):
            try:
                page = document[number]
            except pypdfium2.PdfiumError:
                raise Unprintable(f"is damaged on page {number + 1}") from None
            with contextlib.closing(page):
                yield from _drawn(document, page, profile)


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[pypdfium2.PdfDocument]:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as refused:
        if refused.err_code == raw.FPDF_ERR_PASSWORD:
            raise Unprintable("is locked with a password") from None
        raise Unprintable("is damaged, or no PDF") from None
    with contextlib.closing(document):
        document.init_forms()
        yield document


def _drawn(
    document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, profile: Profile
) -> Iterator[Sheet]:
    wide, long = (max(1.0, side) / _POINTS for side in page.get_size())
    turn = _QUARTER_TURN if wide > long else 0
    where = place(min(wide, long), max(wide, long), profile)
    for top, rows in where.slices():
        yield Sheet(inked(_piece(document, page, where, (top, rows, turn))))


def _piece(
    document: pypdfium2.PdfDocument,
    page: pypdfium2.PdfPage,
    where: Place,
    piece: tuple[int, int, int],
) -> Image.Image:
    """Return some rows of a page in mode "L"; PDFium scales by itself, each way as it should be."""
    top, rows, turn = piece
    bitmap = pypdfium2.PdfBitmap.new_native(where.columns, rows, raw.FPDFBitmap_Gray)
    with contextlib.closing(bitmap):
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, where.columns, rows)
        box = (where.left, -top, where.width, where.rows, turn, _FLAGS)
        raw.FPDF_RenderPageBitmap(bitmap, page, *box)
        if document.formenv:
            raw.FPDF_FFLDraw(document.formenv, bitmap, page, *box)
        drawn: Image.Image = bitmap.to_pil()
        return drawn.copy()
