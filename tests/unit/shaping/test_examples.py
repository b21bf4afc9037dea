"""The examples of docs/content.md are what shaping makes."""

import re
from pathlib import Path

import pytest

from bridge.shaping.shape import shape
from bridge.shaping.wish import Deliver, Wish

PAGE = (Path(__file__).parents[3] / "docs" / "content.md").read_text("utf-8")


def example(name: str) -> bytes:
    found = re.findall(rf"^```{name}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0]).replace("\n", "\r\n").encode()


@pytest.mark.parametrize("deliver", [Deliver.PRINT, Deliver.TEXT])
def test_an_example_comes_out_as_it_is_printed(deliver: Deliver) -> None:
    assert b"".join(shape(example("before"), Wish(deliver))) == example(deliver.value)


def test_a_rich_text_mail_comes_out_as_it_is_printed() -> None:
    made = b"".join(shape(example("rich"), Wish(Deliver.PRINT)))
    assert made == example("rich-print")


def test_a_fax_begins_as_it_is_printed() -> None:
    made = b"".join(shape(example("before"), Wish(Deliver.IFAX)))
    assert made.startswith(example("ifax"))
