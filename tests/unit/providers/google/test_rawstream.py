"""Decodes the message in Gmail's JSON while it arrives, whatever its form, its chunks and its damage."""

import base64
import json
import os
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.google.rawstream import Broken, RawDecoder

MAIL = b"Subject: job\r\n\r\n\xfb\xff\xfe print me\r\n"


def spelled(octets: bytes, pad: str = "") -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=") + pad * (-len(octets) % 3)


def decoded(answer: bytes, cut: int = 0) -> bytes:
    """Return what an answer holds, arriving in pieces of `cut` octets (0: whole)."""
    decoder = RawDecoder()
    pieces = [answer[at : at + cut] for at in range(0, len(answer), cut)] if cut else [answer]
    found = b"".join(decoder.feed(piece) for piece in pieces)
    decoder.finish()
    return found


def answer_of(raw: str) -> bytes:
    return b'{"raw":"' + raw.encode() + b'"}'


_SHAPES = {
    "alone": b'{"raw":"%s"}',
    "pretty": b'{\n  "raw": "%s"\n}\n',
    "spread": b' \r\n\t{ "raw"\t:\n"%s" } ',
    "last": b'{"id":"18c","labelIds":["INBOX","raw"],"sizeEstimate":7,"raw":"%s"}',
    "first": b'{"raw":"%s","id":"18c","labelIds":["IN}BOX"],"snippet":"a \\"raw\\": b"}',
    "nested": b'{"payload":{"raw":"x","parts":[{"raw":["y"]}]},"raw":"%s","more":{"raw":"z"}}',
    "value": b'{"snippet":"raw","id":"\\\\","raw":"%s"}',
    "brackets": b'{"snippet":"}{][","raw":"%s","n":{"a":"}"}}',
    "unicode": '{"snippet":"Größe \u2028","raw":"%s"}'.encode(),
}


@pytest.mark.parametrize("shape", _SHAPES)
@pytest.mark.parametrize("cut", [0, 1, 2, 3, 5, 7])
def test_the_message_is_found_wherever_it_stands(shape: str, cut: int) -> None:
    answer = _SHAPES[shape].replace(b"%s", spelled(MAIL).encode())
    assert json.loads(answer)["raw"] == spelled(MAIL)
    assert decoded(answer, cut) == MAIL


@pytest.mark.parametrize("pad", ["", "=", "\\u003d", "\\u003D"])
@pytest.mark.parametrize("length", range(7))
@pytest.mark.parametrize("cut", [0, 1, 3])
def test_padding_may_be_there_or_not_and_may_be_escaped(
    pad: str, length: int, cut: int
) -> None:
    octets = b"\xff\x00\xfe.\r\n."[:length]
    assert decoded(answer_of(spelled(octets, pad)), cut) == octets


@given(st.binary(max_size=400), st.sampled_from(["", "=", "\\u003d"]), st.integers(1, 50))
def test_it_never_matters_where_the_pieces_end(octets: bytes, pad: str, cut: int) -> None:
    assert decoded(answer_of(spelled(octets, pad)), cut) == octets


@given(st.binary(max_size=100), st.data())
def test_no_answer_that_is_cut_short_is_a_message(octets: bytes, data: st.DataObject) -> None:
    whole = answer_of(spelled(octets))
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(Broken):
        decoded(whole[:end])


@pytest.mark.parametrize("shape", _SHAPES)
def test_cut_anywhere_no_shape_of_an_answer_is_a_message(shape: str) -> None:
    whole = _SHAPES[shape].replace(b"%s", spelled(MAIL).encode()).rstrip()
    for end in range(len(whole)):
        with pytest.raises(Broken):
            decoded(whole[:end])


@given(st.binary(max_size=60), st.integers(1, 9))
def test_whatever_arrives_is_a_message_or_broken(octets: bytes, cut: int) -> None:
    """Nothing else is ever raised, and what passes is what a JSON reader finds."""
    answer = b'{"raw":"' + octets
    try:
        found = decoded(answer, cut)
    except Broken:
        return
    text = json.loads(answer)["raw"].rstrip("=")
    assert found == base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b" \n",
        b"{}",
        b"[]",
        b"null",
        b'"raw"',
        b'["raw":"QQ"]',
        b'{"id":"18c"}',
        b'{"error":{"code":500,"message":"raw"}}',
        b'{"payload":{"raw":"QQ"}}',
        b"<!DOCTYPE html><html>",
        b'{"raw":null}',
        b'{"raw":["QQ"]}',
        b'{"raw":{"raw":"QQ"}}',
        b'{"raw":7}',
        b'{"raw"',
        b'{"raw":',
        b'{"raw":"',
        b'{"raw":"QQ',
        b'{"raw":"QQ"',
        b'{"raw":"QQ",',
        b'{"raw":"QQ","id":"x',
        b'{"raw":"QQ","id":"}"',
        b'{"raw":"QQ"}}',
        b'{"raw":"QQ"]',
        b'{"raw":"QQ"}{"raw":"QQ"}',
        b'{"raw":"QQ"} more',
        b'{"id":"raw":"QQ"}',
        b'{"id" "raw":"QQ"}',
        b'{"id":,"raw":"QQ"}',
        b'{1,"raw":"QQ"}',
        b'{"id":"18c"]{"raw":"QQ"}',
        b'{"id":"\xff","raw":"QQ"}',
    ],
)
@pytest.mark.parametrize("cut", [0, 1])
def test_what_is_not_the_whole_answer_is_broken(answer: bytes, cut: int) -> None:
    with pytest.raises(Broken):
        decoded(answer, cut)


@pytest.mark.parametrize(
    "raw",
    [
        "Q",
        "QUFBQ",
        "QU FB",
        "QU\nFB",
        "QU+B",
        "QU/B",
        "QUéB",
        "QU=B",
        "QQ==QQ==",
        "QU\\nFB",
        "QU\\u0041B",
        "QU\\",
        "QU\\u003",
    ],
)
@pytest.mark.parametrize("cut", [0, 1, 4])
def test_what_is_not_base64url_is_broken(raw: str, cut: int) -> None:
    with pytest.raises(Broken):
        decoded(answer_of(raw), cut)


def test_what_is_nested_deep_is_read_or_broken() -> None:
    """How deep a JSON reader goes is up to the version of Python."""
    deep = b'"id":' + b"[" * 1_900 + b"]" * 1_900
    for answer in (b"{" + deep + b',"raw":"QQ"}', b'{"raw":"QQ",' + deep + b"}"):
        with suppress(Broken):
            assert decoded(answer) == b"A"


def test_an_empty_message_is_decoded_to_nothing() -> None:
    assert decoded(answer_of("")) == b""


@pytest.mark.parametrize("begin", [b'{"snippet":"', b'{"raw":"QQ","snippet":"'])
def test_what_stands_beside_a_message_has_an_end(begin: bytes) -> None:
    decoder = RawDecoder()
    decoder.feed(begin)

    def feed_on() -> None:
        for _ in range(100):
            decoder.feed(b"x" * 4096)

    with pytest.raises(Broken):
        feed_on()


def test_memory_does_not_grow_with_the_message() -> None:
    line = base64.urlsafe_b64encode(os.urandom(48 * 1024))

    def pieces() -> Iterator[bytes]:
        yield b'{"raw":"'
        for _ in range(160):
            yield line
        yield b'"}'

    decoder, octets = RawDecoder(), 0
    tracemalloc.start()
    try:
        for piece in pieces():
            octets += len(decoder.feed(piece))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    decoder.finish()
    assert octets == 160 * 48 * 1024
    assert peak < 1_000_000
