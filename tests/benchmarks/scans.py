"""The road of shaped messages as a contender: a bridge at folders of mail, each of which is delivered in its own shape.

One state folder is made through the command line; a bridge starts on a fresh copy of it, at folders that are empty.
"""

import contextlib
import io
import os
import shutil
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import ours
from load import LoadFailedError
from popclient import HOST, PASSWORD, PopSession, tls_context
from servers import Running, free_port, launch

from bridge.control import ask

SHAPES: Final = ("original", "print", "ifax")
"""The maildrops by name, each at an account and a folder of that name."""

_OLD = 1_700_000_000  # seconds since the epoch: long ago, so that no file looks half-written
_LINE_OCTETS = 76
_A4 = (595, 842)  # points
_SCANNED = (1654, 2339)  # A4 at 200 dpi
_LINES = 60

_CONFIG = """\
state_dir = "{state}"
event_loop = "{loop}"

[[listener]]
name = "bench"
bind = "{host}"
port = {port}
tls = "implicit"

[sync]
interval = 3600.0
nudge_gap = 3600.0
"""


class Scans:
    """The folders, and the state folder that knows them."""

    def __init__(self, folder: Path) -> None:
        """Make everything below `folder`."""
        folder.mkdir()
        self.folder = folder
        config = _write_config(folder, "asyncio", free_port())
        ours.verb(config, "init")
        for shape in SHAPES:
            self.mail(shape).mkdir(parents=True)
            where = ("--provider", "folder", "--path", str(self.mail(shape)))
            ours.verb(config, "account", "add", shape, *where)
            how = ("--account", shape, "--deliver", shape, "--print-once", "0")
            ours.verb(config, "maildrop", "add", shape, *how)
            device = ("device", "add", shape, "--maildrop", shape, "--password-stdin")
            ours.verb(config, *device, text=PASSWORD)

    def mail(self, shape: str) -> Path:
        """Return the folder behind a maildrop."""
        return self.folder / "mail" / shape

    def clear(self) -> None:
        """Empty the folders."""
        for shape in SHAPES:
            for path in self.mail(shape).iterdir():
                path.unlink()


class ScanLoop:
    """popbridge on one event loop, at these folders."""

    def __init__(self, scans: Scans, loop: str) -> None:
        """Start nothing yet."""
        self.name = loop
        self.scans = scans
        self._folder = scans.folder / loop

    def start(self, cores: set[int]) -> Running:
        """Start it on a copy of the state folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        shutil.copytree(self.scans.folder / "state", self.state)
        port = free_port()
        config = _write_config(self._folder, self.name, port)
        command = [str(ours.program()), "--config", str(config), "serve"]
        return launch(command, port, cores, self._folder / "output")

    @property
    def state(self) -> Path:
        """Return the state folder of the bridge that was started last."""
        return self._folder / "state"


class Road:
    """One bridge that runs at the folders."""

    def __init__(self, server: Running, contender: ScanLoop) -> None:
        """Look at a bridge that listens."""
        self.server = server
        self._state = contender.state
        self._scans = contender.scans
        self._tls = tls_context("modern")
        self._put = 0

    def shape(self, shape: str, message: Path) -> None:
        """Let a message arrive, and return when it is listed.

        Raises:
            LoadFailedError: it was not shaped.
        """
        if not self._put:
            self._settle()
        self._put += 1
        (self._scans.mail(shape) / f"{self._put}.eml").hardlink_to(message)
        answer = ask(self._state, "sync", account=shape)
        report = answer["report"] if answer else {}
        if (report.get("delivered"), report.get("quarantined")) != (1, 0):
            raise LoadFailedError(f"a message was not delivered as {shape}: {report}")

    def _settle(self) -> None:
        """Use up the looks that come by themselves: at a start, and after a first login."""
        for shape in SHAPES:
            self.poll(shape)
            ask(self._state, "sync", account=shape)

    def poll(self, device: str) -> float:
        """Return the seconds that a device takes from its connection to the end of its session."""
        begun = time.perf_counter()
        with PopSession(self.server.port, self._tls) as session:
            session.log_in(device)
            session.message_count()
            session.command("QUIT")
        return time.perf_counter() - begun


@contextlib.contextmanager
def road(contender: ScanLoop, cores: set[int]) -> Iterator[Road]:
    """Yield a bridge at empty folders, and stop it afterwards."""
    contender.scans.clear()
    server = contender.start(cores)
    try:
        yield Road(server, contender)
    finally:
        server.stop()


def write_mail(path: Path, pdf: bytes) -> Path:
    """Write what a scanner sends: a multipart/mixed of a line and a PDF."""
    text = b64encode(pdf)
    lines = [text[at : at + _LINE_OCTETS] for at in range(0, len(text), _LINE_OCTETS)]
    path.write_bytes(_HEAD + b"\r\n".join(lines) + b"\r\n--scan--\r\n")
    os.utime(path, (_OLD, _OLD))
    return path


def blob(octets: int) -> bytes:
    """Return what passes for a PDF where nobody draws it, and makes a mail of so many octets."""
    size = octets * 3 // 4 * _LINE_OCTETS // (_LINE_OCTETS + 2)
    block = bytes(range(256)) * 4096
    return (b"%PDF-1.4\n" + block * (size // len(block) + 1))[:size]


def letter(pages: int) -> bytes:
    """Return a PDF of pages full of text."""
    line = "(Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod.) Tj T*"
    content = "\n".join(["BT /F1 11 Tf 13 TL 50 800 Td", *[line] * _LINES, "ET"]).encode()
    resources = b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    return _pdf([(content, resources)] * pages, [])


def scan(pages: int) -> bytes:
    """Return a PDF of pages that were scanned in grey: a JPEG each."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - of the extra that is measured

    paper = Image.effect_noise(_SCANNED, 24).point(lambda value: min(255, value + 110))
    pen = ImageDraw.Draw(paper)
    for at in range(_LINES):
        pen.text((140, 150 + 34 * at), "Lorem ipsum dolor sit amet " * 5, fill=20, font_size=22)
    target = io.BytesIO()
    paper.save(target, "JPEG", quality=75)
    head = b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray" % (
        _SCANNED
    )
    picture = _stream(
        head + b" /BitsPerComponent 8 /Filter /DCTDecode /Length %d >>", target.getvalue()
    )
    content = b"%d 0 0 %d 0 0 cm /I Do" % _A4
    return _pdf([(content, b"<< /XObject << /I 3 0 R >> >>")] * pages, [picture])


_HEAD = b"\r\n".join(
    (
        b"From: Scanner <scanner@example.org>",
        b"To: Printer <printer@example.org>",
        b"Subject: Scan",
        b"Date: Tue, 14 Nov 2023 22:13:20 +0000",
        b"MIME-Version: 1.0",
        b'Content-Type: multipart/mixed; boundary="scan"',
        b"",
        b"--scan",
        b"Content-Type: text/plain; charset=utf-8",
        b"",
        b"See the file.",
        b"--scan",
        b'Content-Type: application/pdf; name="scan.pdf"',
        b"Content-Transfer-Encoding: base64",
        b'Content-Disposition: attachment; filename="scan.pdf"',
        b"",
        b"",
    )
)


def _pdf(pages: Sequence[tuple[bytes, bytes]], extra: Sequence[bytes]) -> bytes:
    """Return a PDF of pages, each its content and its resources; the first extra is object 3."""
    first = 3 + len(extra)
    kids = b" ".join(b"%d 0 R" % (first + 2 * number) for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(pages), kids),
        *extra,
    ]
    for number, (content, resources) in enumerate(pages):
        page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R" % (
            *_A4,
            first + 2 * number + 1,
        )
        objects += [
            page + b" /Resources %s >>" % resources,
            _stream(b"<< /Length %d >>", content),
        ]
    file, places = bytearray(b"%PDF-1.4\n"), []
    for number, thing in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, thing)
    start = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return bytes(file + trailer % (len(objects) + 1, start))


def _stream(head: bytes, data: bytes) -> bytes:
    return head % len(data) + b"\nstream\n" + data + b"\nendstream"


def _write_config(folder: Path, loop: str, port: int) -> Path:
    path = folder / "config.toml"
    text = _CONFIG.format(state=folder / "state", loop=loop, host=HOST, port=port)
    path.write_text(text, encoding="ascii")
    return path
