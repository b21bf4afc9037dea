import asyncio
import os
import resource
import shutil
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

from bridge.errors import BodyUnreadable, SpoolUnavailable
from bridge.names import SpoolId
from bridge.storage.sqlite.bodies import PIECE_FRAMES, Bodies
from bridge.vault.seal import FRAME_OCTETS, BodySeal
from tests.contract.storage_harness import flip, pieces_of

ONE = SpoolId(1)
SMALL = b"Subject: small\r\n\r\n.dots\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def bodies(folder: Path) -> Iterator[Bodies]:
    made = Bodies(folder, BodySeal(bytes(32)), minimum_free=0)
    yield made
    made.close()


async def read(bodies: Bodies, spool_id: SpoolId = ONE) -> bytes:
    body = await bodies.open(spool_id)
    try:
        return b"".join([piece async for piece in body.pieces()])
    finally:
        body.close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_body_file_is_its_owners_alone(bodies: Bodies, folder: Path) -> None:
    before = os.umask(0)
    try:
        await bodies.write(ONE, pieces_of(SMALL))
    finally:
        os.umask(before)
    assert names(folder) == ["1.body"]
    assert stat.S_IMODE((folder / "1.body").stat().st_mode) == 0o600


async def test_nothing_of_a_message_can_be_read_from_its_file(
    bodies: Bodies, folder: Path
) -> None:
    await bodies.write(ONE, pieces_of(SMALL * 3000))
    assert b"Subject" not in (folder / "1.body").read_bytes()


async def test_a_bit_flipped_anywhere_is_noticed(bodies: Bodies, folder: Path) -> None:
    await bodies.write(ONE, pieces_of(SMALL))
    path = folder / "1.body"
    for position in range(path.stat().st_size):
        mask = 1 << position % 8
        flip(path, position, mask)
        with pytest.raises(BodyUnreadable):
            await bodies.open(ONE)
        flip(path, position, mask)
    assert await read(bodies)


async def test_a_bit_flipped_in_any_frame_of_a_long_body_is_noticed(
    bodies: Bodies, folder: Path
) -> None:
    await bodies.write(ONE, pieces_of(os.urandom(700_000)))
    path = folder / "1.body"
    for position in range(0, path.stat().st_size, 32_768):
        flip(path, position)
        with pytest.raises(BodyUnreadable):
            await bodies.open(ONE)
        flip(path, position)
    assert await read(bodies)


@pytest.mark.parametrize("size", [len(SMALL), 200_000])
async def test_a_body_cut_anywhere_is_noticed(bodies: Bodies, folder: Path, size: int) -> None:
    await bodies.write(ONE, pieces_of(b"x" * size))
    path = folder / "1.body"
    whole = path.read_bytes()
    for length in range(0, len(whole), 1 if size < 1000 else 8191):
        path.write_bytes(whole[:length])
        with pytest.raises(BodyUnreadable):
            await bodies.open(ONE)


async def test_octets_behind_a_body_are_noticed(bodies: Bodies, folder: Path) -> None:
    await bodies.write(ONE, pieces_of(SMALL))
    with (folder / "1.body").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BodyUnreadable):
        await bodies.open(ONE)


async def test_a_missing_body_is_unreadable(bodies: Bodies) -> None:
    with pytest.raises(BodyUnreadable, match="missing"):
        await bodies.open(ONE)


async def test_a_body_that_cannot_be_read_now_is_unavailable(
    bodies: Bodies, folder: Path
) -> None:
    (folder / "1.body").mkdir()
    with pytest.raises(SpoolUnavailable):
        await bodies.open(ONE)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough


async def test_a_body_that_does_not_open_leaves_no_descriptor(
    bodies: Bodies, folder: Path
) -> None:
    await bodies.write(ONE, pieces_of(os.urandom(500_000)))
    flip(folder / "1.body", 400_000)
    before = open_descriptors()
    for _ in range(3):
        with pytest.raises(BodyUnreadable):
            await bodies.open(ONE)
    assert open_descriptors() == before


async def test_a_small_body_is_held_in_memory_and_its_file_closed(
    bodies: Bodies, folder: Path
) -> None:
    await bodies.write(ONE, pieces_of(SMALL))
    before = open_descriptors()
    body = await bodies.open(ONE)
    assert open_descriptors() == before
    (folder / "1.body").unlink()
    assert b"".join([piece async for piece in body.pieces()]).startswith(b"Subject: small")
    body.close()


async def test_a_long_body_comes_in_pieces_of_whole_frames(bodies: Bodies) -> None:
    await bodies.write(ONE, pieces_of(b"x" * 78 * 10_000))
    body = await bodies.open(ONE)
    sizes = [len(piece) async for piece in body.pieces()]
    body.close()
    assert set(sizes[:-1]) == {PIECE_FRAMES * FRAME_OCTETS}
    assert 0 < sizes[-1] <= PIECE_FRAMES * FRAME_OCTETS <= 262_144


async def test_a_body_can_be_sent_twice(bodies: Bodies) -> None:
    await bodies.write(ONE, pieces_of(os.urandom(600_000)))
    body = await bodies.open(ONE)
    first = b"".join([piece async for piece in body.pieces()])
    assert b"".join([piece async for piece in body.pieces()]) == first
    body.close()


@pytest.mark.slow
async def test_a_big_body_is_written_and_read_in_bounded_memory(bodies: Bodies) -> None:
    async def big() -> AsyncIterator[bytes]:
        piece = b"x" * 65_534 + b"\r\n"
        for _ in range(640):  # 40 MiB
            yield piece

    tracemalloc.start()
    try:
        await bodies.write(ONE, big())
        body = await bodies.open(ONE)
        async for _ in body.pieces():
            pass
        body.close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


# ---- room


async def test_nothing_is_written_where_too_little_room_would_be_left(folder: Path) -> None:
    bodies = Bodies(folder, BodySeal(bytes(32)), minimum_free=1 << 60)
    with pytest.raises(SpoolUnavailable, match="nearly full"):
        await bodies.write(ONE, pieces_of(SMALL))
    assert await bodies.room() < 0
    assert names(folder) == []
    bodies.close()


async def test_a_folder_that_is_gone_is_an_unavailable_spool(
    bodies: Bodies, folder: Path
) -> None:
    shutil.rmtree(folder)
    with pytest.raises(SpoolUnavailable, match="cannot be stored"):
        await bodies.write(ONE, pieces_of(SMALL))


WRITE_BEYOND_THE_LIMIT = """
import asyncio, os, sys
from pathlib import Path
from bridge.errors import SpoolUnavailable
from bridge.storage.sqlite.bodies import Bodies
from bridge.vault.seal import BodySeal

async def source():
    for _ in range(40):
        yield os.urandom(65536)

async def main():
    bodies = Bodies(Path(sys.argv[1]), BodySeal(bytes(32)), 0)
    for _ in range(3):
        try:
            await bodies.write(1, source())
        except SpoolUnavailable as error:
            print(error)
    print(len(os.listdir(sys.argv[1])), "left")
    bodies.close()

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_disk_that_fills_up_half_way_leaves_nothing(folder: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WRITE_BEYOND_THE_LIMIT, str(folder)],
        cwd=Path(__file__).parents[4],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "a body cannot be stored: File too large\n" * 3 + "0 left\n"


# ---- failures of the source, cancellation


async def test_what_the_source_raises_is_passed_on_as_it_is(
    bodies: Bodies, folder: Path
) -> None:
    """Even an OSError: the source's network is not the spool's disk."""
    error = ConnectionResetError("the service hung up")

    async def failing() -> AsyncIterator[bytes]:
        yield b"octets"
        raise error

    with pytest.raises(ConnectionResetError) as raised:
        await bodies.write(ONE, failing())
    assert raised.value is error
    assert names(folder) == []


class _Turn:
    def __await__(self) -> Generator[None, None, None]:
        yield


@pytest.mark.parametrize("turns", range(1, 16))
async def test_a_cancelled_write_leaves_no_part_of_a_file(folder: Path, turns: int) -> None:
    bodies = Bodies(folder, BodySeal(bytes(32)), minimum_free=0)
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(bodies.write(ONE, pieces_of(*[b"x" * 900_000] * 3)))
        for _ in range(turns):
            await _Turn()
        writing.cancel()
    bodies.close()  # waits for what the threads still had in hand
    assert set(names(folder)) <= {"1.body"}


# ---- sweeping and removing


async def test_a_sweep_leaves_only_the_bodies_of_live_messages(
    bodies: Bodies, folder: Path
) -> None:
    for number in (1, 2, 3):
        await bodies.write(SpoolId(number), pieces_of(SMALL))
    (folder / "4.0123456789abcdef.part").write_bytes(b"half")
    (folder / "stray").write_bytes(b"")
    assert bodies.sweep({SpoolId(1), SpoolId(3)}) == 3
    assert names(folder) == ["1.body", "3.body"]


async def test_removing_what_is_not_there_is_harmless(bodies: Bodies, folder: Path) -> None:
    await bodies.write(ONE, pieces_of(SMALL))
    await bodies.remove([SpoolId(7), ONE])
    assert names(folder) == []


async def test_a_second_body_of_a_message_replaces_the_first(
    bodies: Bodies, folder: Path
) -> None:
    await bodies.write(ONE, pieces_of(b"first"))
    await bodies.write(ONE, pieces_of(b"second"))
    assert (await read(bodies)).startswith(b"second")
    assert names(folder) == ["1.body"]


@pytest.mark.parametrize("turns", range(1, 5))
async def test_a_cancelled_opening_leaves_no_descriptor(bodies: Bodies, turns: int) -> None:
    await bodies.write(ONE, pieces_of(os.urandom(600_000)))
    before = open_descriptors()
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(bodies.open(ONE))
        for _ in range(turns):
            await _Turn()
        opening.cancel()
    if not opening.cancelled():
        opening.result().close()
    assert open_descriptors() == before
