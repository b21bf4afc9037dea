"""A large scan passes as a view of the message; what is not laid out well is laid out anew."""

import base64
import email

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.shaping.bodies import Body
from bridge.shaping.cargo import RUN_OCTETS, Run, unload
from bridge.shaping.shape import shape
from bridge.shaping.wish import Deliver, Wish

CONTENT = b"%PDF-1.4\n" + bytes(range(256)) * 1200
HEAD = b"From: a@example.org\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"


def laid(length: int, end: bytes = b"\r\n") -> bytes:
    letters = base64.b64encode(CONTENT)
    return b"".join(letters[n : n + length] + end for n in range(0, len(letters), length))


def test_a_scan_passes_uncopied() -> None:
    message = HEAD + laid(76)
    pieces = shape(message, Wish(Deliver.PRINT))
    views = [piece for piece in pieces if isinstance(piece, memoryview)]
    assert sum(map(len, views)) > len(message) - 1000
    assert all(view.obj is message for view in views)


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("length", [4, 60, 64, 72, 73, 75, 76, 77, 400, 999999])
def test_content_survives_any_layout_on_lines_of_76(length: int, end: bytes) -> None:
    whole = b"".join(shape(HEAD + laid(length, end), Wish(Deliver.PRINT)))
    assert max(map(len, whole.split(b"\r\n"))) <= 76
    parsed = email.message_from_bytes(whole)
    assert [part.get_payload(decode=True) for part in parsed.walk()][1:] == [CONTENT]


def test_a_line_that_is_not_base64_in_the_midst_is_left_out() -> None:
    lines = laid(76).split(b"\r\n")
    middle = len(lines) // 2
    broken = b"\r\n".join([*lines[:middle], b"!! !!", *lines[middle:]])
    whole = b"".join(shape(HEAD + broken, Wish(Deliver.PRINT)))
    assert [part.get_payload(decode=True) for part in email.message_from_bytes(whole).walk()][
        1:
    ] == [CONTENT]


def test_the_token_of_a_cut_cannot_be_forged() -> None:
    run = b"A" * 76 + b"\r\n"
    message = b"cargo*0*0\r\n" + run * (RUN_OCTETS // len(run) + 1)
    unloaded = unload(message)
    pieces = unloaded.put_back(unloaded.text)
    assert pieces[0] == b"cargo*0*0\r\n"
    assert b"".join(p.octets if isinstance(p, Run) else p for p in pieces) == message


@given(
    st.lists(st.binary(max_size=90), max_size=5),
    st.sampled_from(["base64", "quoted-printable", ""]),
)
def test_base64_of_a_body_is_its_content(pieces: list[bytes], encoding: str) -> None:
    body = Body(pieces, encoding)
    written = b"".join(body.base64())
    assert max(map(len, written.split(b"\r\n"))) <= 76
    assert base64.b64decode(written, validate=False) == body.decoded()
    assert body.decoded().startswith(body.head(20))
