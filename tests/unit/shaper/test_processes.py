"""Messages through real processes: one that works, and programs in its place that do everything else."""

import asyncio
import sys
from collections.abc import AsyncIterator

import attrs
import pytest

from bridge.errors import ShaperUnavailable
from bridge.shaper.processes import Bounds, ShapingProcesses
from bridge.shaper.rlimits import Limits
from bridge.shaping.errors import Skipped, Unshapeable
from bridge.shaping.wish import Deliver, Wish

LIMITS = Limits(cpu_seconds=5, memory_octets=1 << 29)
BOUNDS = Bounds(processes=1, limits=LIMITS, seconds=20.0, output_octets=1 << 22)
MESSAGE = b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * 20000

pytestmark = pytest.mark.slow


async def pieces_of(octets: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(octets), 50000):
        yield octets[start : start + 50000]


async def shaped(processes: ShapingProcesses, message: bytes = MESSAGE) -> bytes:
    wish = Wish(Deliver.COMMAND)
    return b"".join(
        [piece async for piece in processes.shape(wish, len(message), pieces_of(message))]
    )


def program(text: str, bounds: Bounds = BOUNDS) -> ShapingProcesses:
    """Return processes that run this in place of the shaper; `say(kind, payload)` says a frame."""
    begin = (
        "import os, signal, struct, sys\n"
        "def say(kind, payload=b''):\n"
        "    os.write(1, struct.pack('>cI', kind, len(payload)) + payload)\n"
        "sys.stdin.buffer.readline()\n"
    )
    return ShapingProcesses(bounds, (sys.executable, "-I", "-c", begin + text))


async def test_a_message_goes_through_a_process_of_its_own_whole() -> None:
    assert await shaped(ShapingProcesses(BOUNDS)) == MESSAGE


async def test_the_processes_take_turns() -> None:
    processes = ShapingProcesses(BOUNDS)
    found = await asyncio.gather(*(shaped(processes) for _ in range(3)))
    assert found == [MESSAGE] * 3


@pytest.mark.parametrize(
    "command", [("/nonexistent/python",), (sys.executable, "-I", "-c", "raise SystemExit(1)")]
)
async def test_a_process_that_does_not_start_may_do_so_later(command: tuple[str, ...]) -> None:
    with pytest.raises(ShaperUnavailable):
        await shaped(ShapingProcesses(BOUNDS, command))


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        ("say(b'R'); say(b'U', b'too deep')", Unshapeable, "too deep"),
        ("say(b'R'); say(b'S', b'too large')", Skipped, "too large"),
        ("say(b'R'); say(b'F', b'KeyError')", Unshapeable, "a fault in the bridge: KeyError"),
        ("say(b'R'); say(b'P', b'half'); sys.exit()", Unshapeable, "broke off"),
        ("say(b'R'); os.write(1, b'Zgarbage')", Unshapeable, "broke off"),
        ("say(b'R'); os.kill(os.getpid(), signal.SIGSEGV)", Unshapeable, "killed by SIGSEGV"),
        (
            "say(b'R'); os.kill(os.getpid(), signal.SIGXCPU)",
            Unshapeable,
            "more than 5 seconds of processor time (shaping.cpu_seconds in config.toml allows more)",
        ),
        ("say(b'R'); os.kill(os.getpid(), signal.SIGKILL)", Unshapeable, "cpu_seconds"),
        (
            "say(b'R'); os.kill(os.getpid(), signal.SIGKILL)",
            Unshapeable,
            "than the machine has",
        ),
        (
            "say(b'R'); os.abort()",
            Unshapeable,
            "more memory than it may; shaping.memory_octets in config.toml allows more",
        ),
        (
            "say(b'R'); sys.stdin.buffer.read(); [say(b'P', b'x' * 65536) for _ in range(99)]",
            Unshapeable,
            "is larger than 4194304 octets; sync.message_octets",
        ),
        ("say(b'R'); say(b'U', b'a\\n\\x1b[31mb' + b'c' * 9999)", Unshapeable, "a [31mbccc"),
    ],
)
async def test_what_a_process_does_with_a_message_is_told_apart(
    text: str, error: type[Exception], why: str
) -> None:
    with pytest.raises(error) as raised:
        await shaped(program(text))
    assert type(raised.value) is error
    assert why in str(raised.value)
    assert len(str(raised.value)) <= 300


async def test_what_no_log_may_hold_is_told_apart() -> None:
    with pytest.raises(Unshapeable) as raised:
        await shaped(
            program("say(b'R'); say(b'U', b'No fax.\\npay\\nslip.docx ' + b'x' * 999)")
        )
    assert raised.value.why == "No fax."
    assert raised.value.details.startswith("pay slip.docx xxx")
    assert len(str(raised.value)) <= 300


@pytest.mark.parametrize("text", ["say(b'R'); signal.pause()", "say(b'R')\nwhile True: pass"])
async def test_one_that_takes_too_long_is_killed(text: str) -> None:
    bounds = Bounds(1, LIMITS, seconds=0.5, output_octets=1)
    with pytest.raises(Unshapeable, match=r"seconds; shaping\.cpu_seconds in config\.toml"):
        await shaped(program(text, bounds))


@pytest.mark.parametrize("octets", [1 << 26, 1 << 28])
async def test_a_message_for_which_there_is_no_memory_says_so(octets: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"Subject: x\r\n\r\n"
        for _ in range(octets >> 16):
            yield bytes(1 << 16)

    little = attrs.evolve(BOUNDS, limits=Limits(cpu_seconds=5, memory_octets=1 << 25))
    with pytest.raises(Unshapeable, match=r"than it may; shaping\.memory_octets"):
        async for _ in ShapingProcesses(little).shape(Wish(Deliver.TEXT), octets, pieces()):
            pass


async def test_a_message_that_breaks_off_is_its_senders_error() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        async for _ in ShapingProcesses(BOUNDS).shape(Wish(), 2, broken()):
            pass


# ---- what confines a process


async def test_a_process_says_what_confines_it() -> None:
    assert await ShapingProcesses(BOUNDS).lack() == ""
    assert await program("say(b'R', b'no filter\\nis known')").lack() == "no filter is known"
    with pytest.raises(ShaperUnavailable):
        await program("sys.exit()").lack()


async def test_it_is_logged_once_that_limits_are_all(caplog: pytest.LogCaptureFixture) -> None:
    processes = program("say(b'R', b'too old a kernel'); say(b'E')")
    for _ in range(2):
        assert await shaped(processes) == b""
    [event] = [one for one in caplog.records if one.msg == "system-calls-not-filtered"]
    assert vars(event)["event_fields"] == {"why": "too old a kernel"}
