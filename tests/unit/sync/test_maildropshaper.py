"""A maildrop's wish on its way from a look to what devices get, with a real process in between."""

import base64
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from bridge.admission import Admission
from bridge.alerts import Alert, AlertReason
from bridge.logs import get
from bridge.names import MaildropName
from bridge.shaper.processes import COMMAND, Bounds, ShapingProcesses
from bridge.shaper.rlimits import Limits
from bridge.shaping.reading import LEVELS
from bridge.shaping.wish import Deliver, Oversize, Wish
from bridge.storage.messages import Announcement, MessageState
from bridge.storage.sqlite.alerts import SqliteAlerts
from bridge.storage.sqlite.spool.histories import Histories
from bridge.sync import maildropshaper
from bridge.sync.errand import Errand
from bridge.sync.fetching import Fetcher
from bridge.sync.plan import mint_unique_id
from bridge.vault.seal import SecretSeal
from providers.contract import FolderName, RemoteId
from tests.contract.storage_harness import (
    KEY,
    OFFICE,
    PRINTER,
    SqliteUnderTest,
    deliver,
    fill,
    listed,
    read_whole,
    states,
)
from tests.fakes.clock import FakeClock
from tests.unit.shaping import tnef_streams as tnef

MAIL = b"Subject: one\r\n\r\n" + b"0123456789abcdef\r\n" * 5000
COMMANDS = Wish(Deliver.COMMAND)
BOUNDS = Bounds(1, Limits(20, 1 << 29), 60.0, 1 << 22)

REFUSES = (
    "import os, struct, sys; sys.stdin.buffer.readline();"
    "say = lambda k, p: os.write(1, struct.pack('>cI', k, len(p)) + p);"
    "say(b'R', b''); sys.stdin.buffer.read(); say(b'U', b'too deep')"
)

pytestmark = pytest.mark.slow


class OneMail:
    """A mailbox of one message."""

    at_once = 1
    attests = None

    def __init__(self, text: bytes) -> None:
        self._text = text

    async def fetch(self, _folder: FolderName, _remote_id: RemoteId) -> AsyncIterator[bytes]:
        for start in range(0, len(self._text), 30000):
            yield self._text[start : start + 30000]


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteUnderTest]:
    under_test = SqliteUnderTest(tmp_path)
    await fill(under_test)
    yield under_test
    under_test.close()


@pytest.fixture
def everything_is_shaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maildropshaper, "UNTOUCHED", frozenset())


async def fetch(
    storage: SqliteUnderTest,
    command: tuple[str, ...],
    ceiling: int = 1 << 30,
    text: bytes = MAIL,
    wish: Wish = COMMANDS,
    choosy: frozenset[MaildropName] = frozenset(),
) -> tuple[Errand, list[Alert]]:
    told: list[Alert] = []
    remote_id = RemoteId("r")
    await storage.spool.announce(
        PRINTER, [Announcement(remote_id, mint_unique_id(remote_id), "1")]
    )
    fetcher = Fetcher(
        OFFICE,
        OneMail(text),  # type: ignore[arg-type] - all of it that a fetch needs
        storage.spool,
        FakeClock(),
        get("test"),
        1 << 22,
        told.append,
        ShapingProcesses(BOUNDS, command),
    )
    wishes = {PRINTER: wish}
    errand = Errand(FolderName(""), [PRINTER], {PRINTER: ceiling}, wishes=wishes, choosy=choosy)
    await fetcher.fetch(errand)
    return errand, told


async def test_what_leaves_a_message_as_it_is_needs_no_process_and_keeps_no_second_file(
    storage: SqliteUnderTest,
) -> None:
    errand, _ = await fetch(storage, ("/nonexistent",))
    assert errand.delivered == 1
    assert [path.suffix for path in storage.body_files()] == [".body"]


@pytest.mark.parametrize("deliver", [Deliver.ORIGINAL, Deliver.COMMAND])
async def test_of_raw_headers_devices_get_ascii_and_all_else_octet_for_octet(
    storage: SqliteUnderTest, deliver: Deliver
) -> None:
    """RFC 6856 section 2.1; so it is where the original is sent of what is too large."""
    text = MAIL.replace(b"one\r\n", "Müll\r\nX-Odd:  a\t \r\n".encode())
    wish = Wish(deliver, size_octets=9, oversize=Oversize.ORIGINAL)
    errand, _ = await fetch(storage, COMMAND, text=text, wish=wish)
    assert errand.delivered == 1
    [spool_id] = await listed(storage)
    assert await read_whole(storage.spool, spool_id) == text.replace(
        "Müll".encode(), b"=?utf-8?Q?M=C3=BCll?="
    )
    assert sorted(path.suffix for path in storage.body_files()) == [".body", ".original"]


async def test_raw_headers_wait_where_no_process_can_make_them_ascii(
    storage: SqliteUnderTest,
) -> None:
    errand, _ = await fetch(storage, ("/nonexistent",), text=b"Subject: \xfc\r\n\r\n")
    assert len(errand.failed) == 1
    assert await states(storage) == {"r": "announced"}
    assert storage.body_files() == []


@pytest.mark.usefixtures("everything_is_shaped")
async def test_a_message_is_shaped_in_a_process_and_both_are_kept(
    storage: SqliteUnderTest,
) -> None:
    errand, _ = await fetch(storage, COMMAND)
    assert errand.delivered == 1
    [spool_id] = await listed(storage)
    assert await read_whole(storage.spool, spool_id) == MAIL
    assert await storage.spool.octets_at_rest(PRINTER) == 2 * len(MAIL)
    assert sorted(path.suffix for path in storage.body_files()) == [".body", ".original"]


@pytest.mark.usefixtures("everything_is_shaped")
async def test_a_notice_that_says_how_to_get_at_it_stands_for_what_cannot_be_shaped(
    storage: SqliteUnderTest,
) -> None:
    errand, (alert,) = await fetch(storage, (sys.executable, "-I", "-c", REFUSES))
    assert errand.quarantined == 1
    assert alert.reason is AlertReason.MESSAGE_QUARANTINED
    assert await SqliteAlerts(storage.database).untold() == [alert]
    [spool_id] = await listed(storage)
    notice = await read_whole(storage.spool, spool_id)
    assert b"Reason:  too deep" in notice
    assert b"Subject: one" in notice
    assert b"popbridge message show %d --original" % spool_id in notice


@pytest.mark.usefixtures("everything_is_shaped")
async def test_a_process_that_cannot_start_leaves_the_message_for_the_next_look(
    storage: SqliteUnderTest,
) -> None:
    errand, _ = await fetch(storage, ("/nonexistent",))
    assert (errand.delivered, errand.quarantined, len(errand.failed)) == (0, 0, 1)
    assert await states(storage) == {"r": "announced"}
    assert storage.body_files() == []
    errand, _ = await fetch(storage, COMMAND)
    assert errand.delivered == 1


@pytest.mark.usefixtures("everything_is_shaped")
async def test_what_is_made_of_a_message_counts_toward_the_ceiling(
    storage: SqliteUnderTest,
) -> None:
    await deliver(storage, "other", MAIL)
    errand, _ = await fetch(storage, COMMAND, ceiling=3 * len(MAIL) - 1)
    assert (await states(storage))["r"] == "announced"
    assert len(storage.body_files()) == 1
    assert errand.delivered == 0
    errand, _ = await fetch(storage, COMMAND, ceiling=3 * len(MAIL))
    assert errand.delivered == 1


@pytest.mark.usefixtures("everything_is_shaped")
async def test_what_would_not_fit_alone_with_what_is_made_of_it_is_told_by_a_notice(
    storage: SqliteUnderTest,
) -> None:
    errand, _ = await fetch(storage, COMMAND, ceiling=2 * len(MAIL) - 1)
    assert errand.quarantined == 1
    [spool_id] = await listed(storage)
    assert b"the maildrop's ceiling" in await read_whole(storage.spool, spool_id)


SMALL = len(MAIL) - 1
TOO_LARGE = f"It has {len(MAIL)} octets, and this maildrop takes {SMALL} at most (--size)."


@pytest.mark.parametrize("deliver", list(Deliver))
async def test_what_is_too_large_is_held_with_its_reason_where_it_is_skipped(
    storage: SqliteUnderTest, deliver: Deliver
) -> None:
    wish = Wish(deliver, size_octets=SMALL // 2, oversize=Oversize.SKIP)
    await fetch(storage, COMMAND, wish=wish)
    assert await states(storage) == {"r": "held"}
    histories = Histories(storage.database, SecretSeal(KEY))
    [life] = await histories.lives(PRINTER, [MessageState.HELD], 9)
    assert life.events[-1].detail.startswith("left out: It has ")
    assert storage.body_files() == []


@pytest.mark.parametrize("deliver", [Deliver.ORIGINAL, Deliver.COMMAND])
async def test_a_notice_stands_for_what_is_too_large_also_where_it_would_pass_untouched(
    storage: SqliteUnderTest, deliver: Deliver
) -> None:
    errand, _ = await fetch(storage, ("/nonexistent",), wish=Wish(deliver, size_octets=SMALL))
    assert errand.quarantined == 1
    [spool_id] = await listed(storage)
    assert TOO_LARGE.encode() in await read_whole(storage.spool, spool_id)
    assert sorted(path.suffix for path in storage.body_files()) == [".body", ".original"]


@pytest.mark.parametrize(
    "wish",
    [
        Wish(Deliver.COMMAND, size_octets=len(MAIL)),
        Wish(Deliver.COMMAND, size_octets=SMALL, oversize=Oversize.ORIGINAL),
        Wish(Deliver.TEXT, size_octets=SMALL // 2, oversize=Oversize.ORIGINAL),
    ],
    ids=["fits", "command", "text"],
)
async def test_what_fits_or_is_wished_for_in_any_size_is_had_as_it_came(
    storage: SqliteUnderTest, wish: Wish
) -> None:
    await fetch(storage, COMMAND, wish=wish)
    [spool_id] = await listed(storage)
    assert await read_whole(storage.spool, spool_id) == MAIL


@pytest.mark.parametrize("size", [None, 1 << 20])
async def test_a_command_is_had_octet_for_octet(
    storage: SqliteUnderTest, size: int | None
) -> None:
    """Zebra, HP and Fiery read bodies as they are: blanks at ends, NUL, escapes, long lines, raw octets."""
    mail = (
        b"subject:  #PRT 4711 \r\nX-Odd:\r\n\tx \r\n\r\n^XA^FD\x00\x1b%-12345X\xff \t\r\n"
        + b"x" * 5000
        + b"\r\n..\r\n\r\n\r\n"
    )
    await fetch(storage, COMMAND, wish=Wish(Deliver.COMMAND, size_octets=size), text=mail)
    [spool_id] = await listed(storage)
    stuffed = mail.replace(b"\r\n.", b"\r\n..")
    assert await read_whole(storage.spool, spool_id) == stuffed


async def test_a_raw_header_beyond_all_limits_is_told_by_a_notice_and_kept(
    storage: SqliteUnderTest,
) -> None:
    """What ASCII cannot be made of is never sent raw, and its owner gets at it."""
    long = b"".join(b"X-%d: \xc3\xbc%s\r\n" % (n, b"x" * 900) for n in range(300))
    errand, [alert] = await fetch(storage, COMMAND, text=long + MAIL, wish=Wish())
    assert errand.quarantined == 1
    assert "Its header is larger than 256 KiB." in alert.text
    [spool_id] = await listed(storage)
    notice = await read_whole(storage.spool, spool_id)
    assert b"Its header is larger than 256 KiB." in notice
    assert b"message show %d --original" % spool_id in notice
    assert notice.isascii()
    assert await read_whole(storage.spool, spool_id, as_it_came=True) == long + MAIL
    life = await Histories(storage.database, SecretSeal(KEY)).life(spool_id)
    assert life is not None
    assert life.original_octets == len(long + MAIL)


PDF = b"%PDF-1.7\n" + b"x" * 100
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def attached(content: bytes, name: str, kind: str = "application/octet-stream") -> bytes:
    letters = base64.encodebytes(content).replace(b"\n", b"\r\n")
    head = (
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n"
        f'Content-Type: {kind}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
    )
    told = "Content-ID: <1>\r\n" if kind.startswith("image/") else ""
    return (head + told).encode() + b"\r\n" + letters + b"--b--\r\n"


def winmail(*attributes: bytes) -> bytes:
    return attached(tnef.stream(*attributes), "winmail.dat", "application/ms-tnef")


def nested(levels: int) -> bytes:
    """Return a PDF in so many saved messages."""
    message = attached(PDF, "a.pdf")
    for _ in range(levels):
        message = attached(message, "a.eml")
    return message


@pytest.mark.parametrize("deliver", [Deliver.ORIGINAL, Deliver.PRINT])
@pytest.mark.parametrize(
    ("text", "held"),
    [
        (winmail(tnef.file(PDF, b"a.pdf")), ""),
        (winmail(tnef.message_within(tnef.stream(tnef.file(PDF)))), ""),
        (winmail(tnef.file(b"hello", b"a.txt")), "it has no attachment that can be printed"),
        (winmail(*[tnef.file(PDF)] * 300), "it has no attachment that can be printed"),
        (nested(1), ""),
        (nested(LEVELS), ""),
        (nested(LEVELS + 1), "it has no attachment that can be printed"),
        (attached(b"Subject: x\r\n\r\nhi", "a.eml"), "it has no attachment that can be printed"),
        (attached(PNG, "logo.png", "image/png"), "it has no attachment that can be printed"),
        (attached(PNG + bytes(20000), "scan.png", "image/png"), ""),
    ],
    ids=[
        "tnef", "message-in-tnef", "tnef-of-text", "tnef-of-300", "eml", "deepest", "too-deep", "eml-of-text",
        "logo", "picture",
    ],
)  # fmt: skip
async def test_what_is_packed_is_found_just_as_print_finds_it(
    storage: SqliteUnderTest, text: bytes, held: str, deliver: Deliver
) -> None:
    (record,) = [
        one for one in (await storage.register.snapshot()).maildrops if one.name == PRINTER
    ]
    admission = Admission(printable=True)
    await storage.register.change_maildrop(attrs.evolve(record, admission=admission))
    errand, _ = await fetch(
        storage, COMMAND, text=text, wish=Wish(deliver), choosy=frozenset([PRINTER])
    )
    assert (errand.held, errand.delivered) == ((1, 0) if held else (0, 1))
    assert await states(storage) == {"r": "held" if held else "ready"}
