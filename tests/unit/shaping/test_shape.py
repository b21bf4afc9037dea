"""What comes out of shaping, by the shape that was wished for."""

import pytest

from bridge.shaping.shape import shape
from bridge.shaping.wish import Deliver, Wish

ODD = b"subject:  two  blanks\r\nX: \x80\r\n\r\nRELAY-ID-: 1234 \r\n\x00.\r\n"


@pytest.mark.parametrize("deliver", [Deliver.ORIGINAL, Deliver.COMMAND])
def test_a_message_may_pass_untouched(deliver: Deliver) -> None:
    assert b"".join(shape(ODD, Wish(deliver))) == ODD
