import io
import os
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BodyUnreadable, StateError
from bridge.vault.seal import FRAME_OCTETS, HEADER_OCTETS, MAGIC, BodySeal, SecretSeal

KEY, OTHER_KEY = bytes(32), bytes([1]) * 32
CONTEXT = b"message 17"
SEALED_FRAME = FRAME_OCTETS + 16
NOISE = os.urandom(3 * FRAME_OCTETS)


def seal(body: bytes, context: bytes = CONTEXT, cuts: list[int] | None = None) -> bytes:
    target = io.BytesIO()
    writer = BodySeal(KEY).writer(target, context)
    for start, end in pairwise([0, *sorted(cuts or []), len(body)]):
        writer.write(body[start:end])
    writer.finish()
    return target.getvalue()


def open_body(sealed: bytes, context: bytes = CONTEXT, key: bytes = KEY) -> bytes:
    return b"".join(BodySeal(key).reader(io.BytesIO(sealed), context))


@pytest.mark.parametrize(
    "octets",
    [
        0,
        1,
        FRAME_OCTETS - 1,
        FRAME_OCTETS,
        FRAME_OCTETS + 1,
        3 * FRAME_OCTETS,
        # The reader takes four frames at a time: both sides of that edge.
        4 * FRAME_OCTETS,
        4 * FRAME_OCTETS + 1,
        8 * FRAME_OCTETS,
    ],
)
def test_a_sealed_body_opens_to_what_was_written(octets: int) -> None:
    body = (NOISE * 3)[:octets]
    sealed = seal(body)

    frames = max(1, -(-octets // FRAME_OCTETS))
    assert len(sealed) == HEADER_OCTETS + octets + 16 * frames
    assert open_body(sealed) == body


@given(
    octets=st.integers(0, 3 * FRAME_OCTETS),
    cuts=st.lists(st.integers(0, 3 * FRAME_OCTETS), max_size=6),
)
def test_how_a_body_is_cut_into_pieces_never_matters(octets: int, cuts: list[int]) -> None:
    body = NOISE[:octets]

    assert open_body(seal(body, cuts=[cut for cut in cuts if cut <= octets])) == body


def test_frames_are_yielded_one_by_one_and_none_is_larger_than_a_frame() -> None:
    frames = list(BodySeal(KEY).reader(io.BytesIO(seal(NOISE + b"end")), CONTEXT))

    assert [len(frame) for frame in frames] == [FRAME_OCTETS] * 3 + [3]


class Trickle(io.BytesIO):
    """A source that gives less than it was asked for, as a raw file may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 1000))


def test_a_source_that_gives_little_at_once_opens_all_the_same() -> None:
    sealed = seal(NOISE)

    assert b"".join(BodySeal(KEY).reader(Trickle(sealed), CONTEXT)) == NOISE


def test_memory_is_bounded_by_a_few_frames_and_not_by_the_body() -> None:
    source = io.BytesIO(seal(NOISE * 7))
    frames = BodySeal(KEY).reader(source, CONTEXT)

    next(frames)

    assert source.tell() <= HEADER_OCTETS + 8 * SEALED_FRAME


def test_a_writer_holds_one_frame_back_and_no_more() -> None:
    target = io.BytesIO()
    writer = BodySeal(KEY).writer(target, CONTEXT)

    writer.write(NOISE)

    assert target.tell() == HEADER_OCTETS + 2 * SEALED_FRAME


def test_a_finished_body_takes_no_more() -> None:
    target = io.BytesIO()
    writer = BodySeal(KEY).writer(target, CONTEXT)
    writer.finish()
    sealed = target.getvalue()

    writer.finish()

    assert target.getvalue() == sealed
    with pytest.raises(ValueError, match="finished"):
        writer.write(b"more")


def test_an_unfinished_body_is_unreadable() -> None:
    target = io.BytesIO()
    BodySeal(KEY).writer(target, CONTEXT).write(NOISE)

    with pytest.raises(BodyUnreadable):
        open_body(target.getvalue())


def test_two_bodies_never_share_a_key_or_show_that_they_are_alike() -> None:
    first, second = seal(b"the same"), seal(b"the same")

    assert first[:HEADER_OCTETS] != second[:HEADER_OCTETS]
    assert first[HEADER_OCTETS:] != second[HEADER_OCTETS:]


def test_every_flipped_bit_of_a_short_body_is_noticed() -> None:
    sealed = seal(b"a page")

    for position in range(8 * len(sealed)):
        altered = bytearray(sealed)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(BodyUnreadable):
            open_body(bytes(altered))


# Two full frames and a short one.
LONG = seal(NOISE[: 2 * FRAME_OCTETS + 100])


@given(position=st.integers(0, HEADER_OCTETS + 2 * SEALED_FRAME + 115), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_long_body_is_noticed(position: int, bit: int) -> None:
    altered = bytearray(LONG)
    altered[position] ^= 1 << bit

    with pytest.raises(BodyUnreadable):
        open_body(bytes(altered))


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_a_body_cut_between_two_frames_is_noticed(frames: int) -> None:
    with pytest.raises(BodyUnreadable):
        open_body(LONG[: HEADER_OCTETS + frames * SEALED_FRAME])


@given(length=st.integers(0, HEADER_OCTETS + 2 * SEALED_FRAME + 115))
def test_a_body_cut_anywhere_is_noticed(length: int) -> None:
    with pytest.raises(BodyUnreadable):
        open_body(LONG[:length])


def frames_of(sealed: bytes) -> Iterator[bytes]:
    for start in range(HEADER_OCTETS, len(sealed), SEALED_FRAME):
        yield sealed[start : start + SEALED_FRAME]


@pytest.mark.parametrize(
    "order", [[0], [0, 1], [1, 0, 2], [0, 0, 1, 2], [0, 2], [2], [0, 1, 2, 2]]
)
def test_frames_left_out_doubled_or_out_of_order_are_noticed(order: list[int]) -> None:
    sealed = seal(NOISE)
    frames = list(frames_of(sealed))

    with pytest.raises(BodyUnreadable):
        open_body(sealed[:HEADER_OCTETS] + b"".join(frames[number] for number in order))


@pytest.mark.parametrize(
    "body", [b"", b"short", NOISE[:FRAME_OCTETS], NOISE + NOISE[:FRAME_OCTETS]]
)
@pytest.mark.parametrize("garbage", [b"\0", bytes(16), bytes(SEALED_FRAME)])
def test_octets_after_the_last_frame_are_noticed(body: bytes, garbage: bytes) -> None:
    with pytest.raises(BodyUnreadable):
        open_body(seal(body) + garbage)


def test_a_frame_of_another_body_is_noticed() -> None:
    first, second = seal(b"one"), seal(b"two")

    with pytest.raises(BodyUnreadable):
        open_body(first[:HEADER_OCTETS] + second[HEADER_OCTETS:])


def test_a_body_opens_under_its_own_context_and_key_only() -> None:
    sealed = seal(b"a page")

    for context, key in ((b"message 18", KEY), (b"", KEY), (CONTEXT, OTHER_KEY)):
        with pytest.raises(BodyUnreadable):
            open_body(sealed, context, key)


def test_a_seal_of_a_later_version_is_named_as_such() -> None:
    sealed = MAGIC[:-1] + b"2" + seal(b"a page")[len(MAGIC) :]

    with pytest.raises(BodyUnreadable, match="version"):
        open_body(sealed)


def test_the_plaintext_does_not_lie_in_the_sealed_body() -> None:
    assert b"confidential" not in seal(b"confidential" * 10)


# ---- secrets


def test_a_sealed_secret_opens_under_its_context() -> None:
    secrets = SecretSeal(KEY)

    for secret in (b"", b"tanstaaf", bytes(5000)):
        assert secrets.open(secrets.seal(secret, b"device lobby"), b"device lobby") == secret


def test_sealing_a_secret_twice_gives_two_texts() -> None:
    secrets = SecretSeal(KEY)

    assert secrets.seal(b"tanstaaf", b"x") != secrets.seal(b"tanstaaf", b"x")


def test_every_flipped_bit_and_every_cut_of_a_secret_is_noticed_without_showing_it() -> None:
    secrets = SecretSeal(KEY)
    sealed = secrets.seal(b"tanstaaf", b"x")
    damaged = [sealed[:length] for length in range(len(sealed))]
    for position in range(8 * len(sealed)):
        altered = bytearray(sealed)
        altered[position // 8] ^= 1 << position % 8
        damaged.append(bytes(altered))

    for text in (*damaged, sealed + b"\0"):
        with pytest.raises(StateError, match="cannot be opened: restore") as raised:
            secrets.open(text, b"x")
        assert "tanstaaf" not in str(raised.value)


def test_a_secret_opens_under_its_own_context_and_key_only() -> None:
    sealed = SecretSeal(KEY).seal(b"tanstaaf", b"device lobby")

    with pytest.raises(StateError):
        SecretSeal(KEY).open(sealed, b"device office")
    with pytest.raises(StateError):
        SecretSeal(OTHER_KEY).open(sealed, b"device lobby")
