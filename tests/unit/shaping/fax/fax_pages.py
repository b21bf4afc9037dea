"""Pages to fax, and decoders of fax code that are not the one under test."""

import io

import pypdfium2
from PIL import Image, ImageDraw

from bridge.shaping.fax.tiff import Coding, Strip, Tag, read_tiff

A4_ROWS = 2292
WIDTH = 1728


def page(rows: int = A4_ROWS, width: int = WIDTH) -> Image.Image:
    """Return a page with a box, a diagonal and a dotted row: long runs, short runs, full rows."""
    drawn = Image.new("1", (width, rows), 0)
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((100, 10, 500, 60), fill=255)
    pen.line((0, 0, width - 1, rows - 1), fill=255)
    pen.line((0, rows - 1, width - 1, rows - 1), fill=255)
    for at in range(0, width, 3):
        pen.point((at, 70), fill=255)
    return drawn


def by_pillow(data: bytes) -> list[Image.Image]:
    """Return the pages of a TIFF as Pillow and libtiff read them, ink set."""
    with Image.open(io.BytesIO(data)) as tiff:
        frames = []
        for number in range(getattr(tiff, "n_frames", 1)):
            tiff.seek(number)
            frames.append(tiff.convert("L").point(lambda value: 255 - value, mode="1"))
        return frames


def by_pdfium(strip: Strip) -> Image.Image:
    """Return a strip's pixels as PDFium reads them: a decoder of its own, of another house."""
    reverse = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    k = 0 if strip.coding is Coding.T4 else -1
    name = f"/W {strip.columns} /H {strip.rows} /BPC 1 /CS /G /F /CCF"
    parameters = f"/DP << /K {k} /Columns {strip.columns} /Rows {strip.rows} /EndOfBlock false"
    flags = "/EncodedByteAlign false >>"
    image = f"{strip.columns} 0 0 {strip.rows} 0 0 cm BI {name} {parameters} {flags} ID "
    content = image.encode() + strip.data.translate(reverse) + b"\nEI"
    document = pypdfium2.PdfDocument(pdf(content, width=strip.columns, height=strip.rows))
    drawn = document[0].render(scale=1, grayscale=True).to_pil()
    document.close()
    return drawn.point(lambda value: 255 * (value < 128), mode="1")


def pdf(*contents: bytes, width: int = 595, height: int = 842) -> bytes:
    """Return a PDF with a page of each content stream; F1 is Helvetica."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (len(contents), b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(len(contents)))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, content in enumerate(contents):
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (width, height, 5 + 2 * number),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        ]
    file = io.BytesIO(b"%PDF-1.4\n")
    file.seek(0, io.SEEK_END)
    places = []
    for number, thing in enumerate(objects):
        places.append(file.tell())
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number + 1, thing))
    start = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    file.write(trailer % (len(objects) + 1, start))
    return file.getvalue()


def strips(data: bytes) -> list[Strip]:
    """Return each page of a TIFF of one strip a page, as it lies in the file."""
    found = []
    for directory in read_tiff(data).directories:
        numbers = {tag: int(directory.one(tag) or 0) for tag in Tag}
        at, size = numbers[Tag.STRIP_OFFSETS], numbers[Tag.STRIP_BYTE_COUNTS]
        found.append(
            Strip(
                data[at : at + size],
                numbers[Tag.IMAGE_WIDTH],
                numbers[Tag.IMAGE_LENGTH],
                numbers[Tag.X_RESOLUTION],
                numbers[Tag.Y_RESOLUTION],
                Coding(numbers[Tag.COMPRESSION]),
            )
        )
    return found
