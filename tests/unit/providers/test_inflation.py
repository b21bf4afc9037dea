import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.inflation import PIECE_OCTETS, Damaged, Inflation


def unpacked(coding: str, *pieces: bytes) -> bytes:
    inflation = Inflation(coding)
    out = b"".join(one for piece in pieces for one in inflation.feed(piece))
    inflation.finish()
    return out


@pytest.mark.parametrize("coding", ["", "identity"])
def test_what_was_not_packed_is_passed_on_piece_by_piece(coding: str) -> None:
    inflation = Inflation(coding)
    assert list(inflation.feed(b"\x1f\x8b not packed")) == [b"\x1f\x8b not packed"]
    inflation.finish()


@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
def test_what_was_packed_is_unpacked(coding: str) -> None:
    """RFC 9110 section 8.4.1.3: x-gzip is another word for gzip."""
    assert unpacked(coding, gzip.compress(b"From: a\r\n" * 50)) == b"From: a\r\n" * 50


@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=8))
def test_where_the_network_cuts_does_not_matter(octets: bytes, cuts: list[int]) -> None:
    packed = gzip.compress(octets)
    edges = [0, *sorted(min(cut, len(packed)) for cut in cuts), len(packed)]
    pieces = [packed[a:b] for a, b in pairwise(edges)]
    assert unpacked("gzip", *pieces) == octets


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "compress"])
def test_a_coding_nobody_asked_for_is_refused_by_its_name(coding: str) -> None:
    with pytest.raises(Damaged, match=f"coded as '{coding}'"):
        Inflation(coding)


def test_what_is_no_coding_is_refused_and_not_repeated() -> None:
    with pytest.raises(Damaged, match="coded as nobody knows what"):
        Inflation("kanarienvogel")


def test_a_coding_with_a_name_that_has_no_end_is_told_in_a_few_letters() -> None:
    with pytest.raises(Damaged) as told:
        Inflation("x" * 5000)
    assert len(str(told.value)) < 80


@pytest.mark.parametrize("cut", [1, 8, 20])
def test_a_body_that_lacks_its_end_is_cut_short(cut: int) -> None:
    """HTTP may know no better: gzip's own trailer does (RFC 1952 section 2.3.1)."""
    inflation = Inflation("gzip")
    list(inflation.feed(gzip.compress(bytes(range(256)) * 20)[:-cut]))
    with pytest.raises(Damaged, match="cut short"):
        inflation.finish()


def test_a_packed_body_of_no_octets_at_all_is_cut_short() -> None:
    with pytest.raises(Damaged, match="cut short"):
        unpacked("gzip")


def test_a_body_that_was_not_packed_as_was_said_is_damaged() -> None:
    with pytest.raises(Damaged, match="damaged"):
        list(Inflation("gzip").feed(b"<html>a proxy's page</html>"))


def test_a_body_whose_checksum_differs_is_damaged() -> None:
    packed = bytearray(gzip.compress(b"some text to be packed" * 9))
    packed[-6] ^= 1
    with pytest.raises(Damaged, match="damaged"):
        list(Inflation("gzip").feed(bytes(packed)))


def test_zlib_without_the_containers_head_is_damaged() -> None:
    with pytest.raises(Damaged, match="damaged"):
        list(Inflation("gzip").feed(zlib.compress(b"text")))


def test_a_bomb_comes_in_bounded_pieces() -> None:
    """64 MiB of nothing are 65 kB on the wire; memory holds a piece at a time."""
    packer = zlib.compressobj(wbits=31)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    assert len(packed) < 70_000
    inflation, total = Inflation("gzip"), 0
    for piece in inflation.feed(packed):
        assert 0 < len(piece) <= PIECE_OCTETS
        total += len(piece)
    inflation.finish()
    assert total == 64 << 20


def test_a_second_member_is_no_part_that_may_be_left_out() -> None:
    with pytest.raises(Damaged):
        unpacked("gzip", gzip.compress(b"first half") + gzip.compress(b"second half"))


def test_octets_behind_the_end_are_not_part_of_the_body() -> None:
    assert unpacked("gzip", gzip.compress(b"body") + b"\0" * 100) == b"body"
