"""RTF that Outlook has compressed is unpacked as [MS-OXRTFCP] says, and to no more than is asked for."""

import struct
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.shaping.lzfu import DamagedRtf, unpacked
from tests.unit.shaping import rtf_streams as rtf

EXAMPLES = [
    (
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0",
        b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n",
    ),
    (
        "1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0",
        b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}",
    ),
]


def whole(packed: bytes, most: int = 1 << 20) -> bytes:
    found = unpacked(memoryview(packed), most)
    assert found.is_whole
    return found.octets


@pytest.mark.parametrize(("packed", "raw"), EXAMPLES, ids=["simple", "over-itself"])
def test_the_examples_of_the_specification_are_unpacked(packed: str, raw: bytes) -> None:
    """[MS-OXRTFCP] section 3: one of plain references, one that refers to what it is writing."""
    assert whole(bytes.fromhex(packed)) == raw


@given(st.text("abc{}\\ \r\n", max_size=9000).map(str.encode))
def test_what_was_compressed_comes_back(raw: bytes) -> None:
    """Also across the end of the window of 4096 octets."""
    assert whole(rtf.compressed(raw)) == raw
    assert whole(rtf.stored(raw)) == raw


def test_what_lies_behind_it_is_left() -> None:
    assert whole(rtf.compressed(rtf.RICH) + b"behind") == rtf.RICH
    assert whole(rtf.stored(rtf.RICH) + b"behind") == rtf.RICH


@pytest.mark.parametrize("most", [0, 1, 16, 17, 18, 1000])
@pytest.mark.parametrize("pack", [rtf.bomb, lambda octets: rtf.stored(b"x" * octets)])
def test_no_more_is_unpacked_than_is_asked_for(most: int, pack: Callable[[int], bytes]) -> None:
    found = unpacked(memoryview(pack(5000)), most)
    assert found.octets == b"x" * most
    assert not found.is_whole


def test_what_is_not_asked_for_takes_no_memory() -> None:
    """Half a megabyte comes in; four would come out."""
    packed = memoryview(rtf.bomb(4 << 20))
    tracemalloc.start()
    try:
        unpacked(packed, 1000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_a_size_that_lies_is_not_believed() -> None:
    """RAWSIZE is what a writer says of itself; memory is taken for what comes."""
    lying = bytearray(rtf.compressed(b"hello"))
    lying[4:8] = b"\xff\xff\xff\xff"
    assert whole(bytes(lying)) == b"hello"


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        rtf.compressed(b"hello")[:15],
        rtf.compressed(b"hello")[:-1],
        rtf.compressed(b"hello").replace(b"LZFu", b"LZFv"),
        rtf.compressed(b"hello")[:-1] + b"\xff",
        rtf.stored(b"hello")[:-1],
        struct.pack("<II4sI", 11, 0, b"MELA", 0) + b"hello",
        struct.pack("<II4sI", 0, 0, b"MELA", 0),
        struct.pack("<II4sI", 0xFFFFFFFF, 5, b"MELA", 0) + b"hello",
    ],
    ids=["nothing", "header", "cut", "kind", "checksum", "stored-cut", "short", "zero", "long"],
)
def test_what_is_not_as_it_was_written_is_refused(packed: bytes) -> None:
    with pytest.raises(DamagedRtf):
        unpacked(memoryview(packed), 1 << 20)


@given(st.binary(max_size=600), st.integers(0, 3000))
def test_whatever_is_compressed_ends_within_bounds(contents: bytes, most: int) -> None:
    """A token of two octets is at most 17: nothing grows to more than the eightfold, and half a run."""
    found = unpacked(memoryview(rtf.packed(contents)), most)
    assert len(found.octets) <= min(most, 8 * len(contents) + 136)
    assert found.octets == unpacked(memoryview(rtf.packed(contents)), 1 << 20).octets[:most]
