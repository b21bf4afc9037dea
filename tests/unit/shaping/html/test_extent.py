"""What a sender hides ends where it ends for a browser, and takes nothing of the message with it."""

import pytest

from bridge.shaping.html.extent import Extent
from bridge.shaping.html.markup import to_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p hidden>x<p>y", "y"),
        ("<p hidden>x<b>x</b><div>y</div>", "y"),
        ("<p hidden>x<br>x</p>y", "y"),
        ("<div><p hidden>x</div>y", "y"),
        ("<table><tr hidden><td>x<tr><td>y</table>z", "y\n\nz"),
        ("<table><tr hidden><td><p>x<tr><td>y</table>z", "y\n\nz"),
        ("<table><tr hidden><td>x</table>z", "z"),
        ("<table><tr><td hidden>x<td>y</table>z", "y\n\nz"),
        ("<table><tr><td hidden>x<tr><td>y</table>z", "y\n\nz"),
        ("<table><tr hidden><td>x<tbody><tr><td>y</table>", "y"),
        ("<ul><li hidden>x<li>y</ul>", "- y"),
        ("<ul><li hidden>x<ul><li>x<li>x</ul>x<li>y</ul>", "- y"),
        ("<dl><dt hidden>x<dd>y</dl>", "y"),
        ("<div><span hidden>x</div>y", "y"),
        ("<p>a<span hidden>x</p>y", "a\n\ny"),
    ],
)
def test_an_element_without_its_end_tag_ends_all_the_same(source: str, text: str) -> None:
    """HTML Living Standard section 13.1.2.4: end tags that may be left out."""
    assert to_text(source) == text


@pytest.mark.parametrize(
    "inner",
    [
        "x",
        "<div>x</div>x",
        "x</p>x",
        "x</b>x",
        "<table><tr><td>x<td>x<tr><td>x</table>x",
        "<table><tr><td><table><tr><td>x</table>x</table>",
        "<ul><li>x<li>x</ul>x",
        "<p>x<p>x",
        "<div/>x<hr>x",
        "<div><div>x</div></div>x",
    ],
)
def test_nothing_in_an_element_ends_it(inner: str) -> None:
    assert to_text(f"a<div hidden>{inner}</div>b") == "ab"
    assert to_text(f"<table><tr hidden><td>{inner}</tr><tr><td>b</table>") == "b"


def test_an_element_of_the_same_name_within_is_another() -> None:
    assert to_text("a<span hidden>x<span>x</span>x</span>b") == "ab"


def test_an_end_tag_of_what_is_around_is_obeyed_by_who_writes() -> None:
    extent = Extent("td")
    extent.begins("b", closed=False)
    assert extent.ends("b")
    assert extent
    assert not extent.ends("table")
    assert not extent
