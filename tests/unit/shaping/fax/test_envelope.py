"""From and Subject as a fax prints them: 24 characters of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.shaping.fax.envelope import SHOWN, sender, spelt, subject


@pytest.mark.parametrize(
    ("display", "shown"),
    [
        ("", "jane@example.org"),
        ("Jane Doe", "Jane Doe <jane@example.o"),
        ("Jörg Weiß", "Jorg Weiss <jane@example"),
        ("Doe, Jane (Accounting)", "Doe Jane Accounting <jan"),
        ("J. R. Hartley", "J R Hartley <jane@exampl"),
        ("Jane@Example.org", "jane@example.org"),
        ("'jane@example.org' via list", "jane@example.org"),
        ("山田太郎", "jane@example.org"),
        ("Иван Петров", "jane@example.org"),
        ("Øyvind Æsel", "Oyvind AEsel <jane@examp"),
        ("Jane\r\nBcc: x", "Jane Bcc x <jane@example"),
    ],
)
def test_who_sent_it_is_seen(display: str, shown: str) -> None:
    value = sender(display, "jane@example.org")
    assert value[:SHOWN] == shown
    assert "jane@example.org" in value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Invoice 4711", "Invoice 4711"),
        ("Re: Invoice 4711", "Invoice 4711"),
        ("RE: FW: AW: WG: Fwd: Invoice 4711", "Invoice 4711"),
        ("Re[3]: Invoice 4711", "Invoice 4711"),
        ("[EXTERNAL] Re: [list] Invoice 4711", "Invoice 4711 [EXTERNAL] "),
        ("[EXTERNAL] [EXTERNAL] Order", "Order [EXTERNAL]"),
        ("[EXTERNAL]", "[EXTERNAL]"),
        ("Größe: 5 €", "Grosse: 5 EUR"),
        ("\u201eAngebot\u201c \u2013 neu", '"Angebot" - neu'),
        ("請求書", "?"),
        ("請求書 4711", "4711"),
        ("", ""),
        ("Revision: none", "Revision: none"),
        ("one\r\n two", "one two"),
    ],
)
def test_what_it_is_about_comes_first(text: str, shown: str) -> None:
    assert subject(text)[:SHOWN] == shown


@given(st.text(max_size=200))
def test_nothing_but_printable_ascii_comes_out(text: str) -> None:
    for value in (subject(text), sender(text, "a@example.org"), spelt(text)[0]):
        assert all(" " <= char <= "~" for char in value)
