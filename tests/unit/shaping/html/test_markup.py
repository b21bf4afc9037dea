"""HTML becomes what a reader sees of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.shaping.html.markup import to_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>one</p><p>two<br>three</p>", "one\n\ntwo\nthree"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        (
            "<table><tr><td>a</td><td>1</td></tr><tr><td>b</td><td>2</td></tr></table>",
            "a  1\nb  2",
        ),
        ("a <style>b{}</style><script>if (1<2) x()</script>c", "a c"),
        ("x<!-- <p>no</p> -->y", "xy"),
        ('<div style="display:none">preheader<div>x</div></div>seen', "seen"),
        ('<a href="https://x.example/y">here</a>', "here <https://x.example/y>"),
        ('<a href="https://x.example">x.example</a>', "x.example"),
        ("1 < 2 &amp; 3 &gt; 2&nbsp;&euro;", "1 < 2 & 3 > 2\u00a0\u20ac"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("<blockquote>q<br>r</blockquote>s", "> q\n> r\n\ns"),
        ('<img alt="Company & Co" src=x>', "[Company & Co]"),
        ("<b>bo</b>ld  and\n more", "bold and more"),
        ("&#99999999999999999999;", "\ufffd"),
        ('<a title=">">t</a>', "t"),
        ('<p class="hidden md:block">a</p><p class=hidden>b</p>', "a\n\nb"),
        ('<p title="no hidden costs" data-x=" hidden ">a</p>', "a"),
        ("<p title='style=\"display:none\"'>a</p><p x=hidden>b</p>", "a\n\nb"),
        ("a<p hidden>b</p><p HIDDEN=''>c</p><p title=x hidden>d</p><i hidden/>e", "ae"),
        ("<img src=x alt = 'a b' alt=c>", "[a b]"),
        ("<a href=a href=b title=href=c>t</a>", "t"),
        ("<a title=x/y href = http://x.example/y >t</a>", "t <http://x.example/y>"),
        (
            "<ol><li>a<li>b<ul><li>c</ul><li value=7>d<li>e</ol>",
            "1. a\n2. b\n\n- c\n\n7. d\n8. e",
        ),
        ("<ol start=3 reversed><li>a</ol><ol start=x><li value=0x9>b</ol>", "3. a\n\n1. b"),
        ("<ol></ul></ol><li>a</ol>", "- a"),
        ('<div style="white-space: pre-wrap">a\n  b<b>c\n</b>d</div>e\nf', "a\n  bc\nd\ne f"),
        ("<p style=white-space:pre-line>a\nb<p>c\nd", "a\nb\n\nc d"),
        ("<table><tr><td style=white-space:pre>a\nb<td>c\nd<td>e</table>", "a\nb\nc d  e"),
        ("<p style=white-space:nowrap>a\nb", "a b"),
        ('<p style="display:none">all there is</p>', "all there is"),
        ('<p style="display:none">preheader<p>text', "text"),
        ("<!-->a<!---->b<!doctype x>c<?php d ?>e</ f>g", "abceg"),
        ("a <3 b << c <", "a <3 b << c <"),
    ],
)
def test_html_is_read(source: str, text: str) -> None:
    assert to_text(source) == text


@given(
    st.lists(
        st.sampled_from(
            ["<", ">", "p", "<!--", '"', "'", "</p>", "<a href=", "=", " ", "&#", "x"]
        )
    )
)
def test_whatever_is_fed_ends_as_text(pieces: list[str]) -> None:
    assert len(to_text("".join(pieces))) <= 20 * sum(map(len, pieces)) + 50
