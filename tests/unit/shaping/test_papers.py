"""What a device cannot show of a text is told below it."""

import pytest

from bridge.shaping.wish import Charset, Deliver, Wish
from tests.unit.shaping.messages import made, shaped, text_of


@pytest.mark.parametrize("deliver", [Deliver.PRINT, Deliver.TEXT])
@pytest.mark.parametrize(
    ("text", "charset", "told"),
    [
        ("Заказ 5?", Charset.LATIN1, "5 letters of this text could not"),
        ("\u6ce8", Charset.ASCII, "1 letter of this text could not"),
        ("Grüße \u20ac \u2026 \U0001f600 \u2713 \u00bfno?", Charset.ASCII, ""),
        ("Заказ 5?", Charset.UTF8, ""),
    ],
)
def test_letters_that_the_device_has_not_are_counted(
    deliver: Deliver, text: str, charset: Charset, told: str
) -> None:
    """Signs are not: a smile that is missing takes no word away."""
    message = made(f"Content-Type: text/plain; charset=utf-8\n\n{text}\n")
    seen = text_of(shaped(message, Wish(deliver, charset=charset)))
    assert ("could not be written" in seen) == bool(told)
    assert told in seen
