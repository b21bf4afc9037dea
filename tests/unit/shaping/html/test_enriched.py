"""Text of RFC 1896 is read as the text that it is."""

from bridge.shaping.html.enriched import enriched
from bridge.shaping.html.markup import to_text
from tests.unit.shaping.messages import shaped, text_of, within


def test_enriched_text_is_read() -> None:
    """Section 4: one line end is a blank, of several one is none; "<<" is a character."""
    source = "<bold>Now</bold> is\n<color><param>red</param>the</color> time\n\nfor A & B << &lt;\n\n\nx"
    assert to_text(enriched(source)) == "Now is the time\nfor A & B < &lt;\n\nx"


def test_where_it_is_the_only_alternative_it_is_taken() -> None:
    message = within(
        "Content-Type: text/enriched\n\n<bold>hi</bold>\n\nyou <<\n", kind="alternative"
    )
    assert text_of(shaped(message)) == "hi\nyou <\n"


def test_where_there_is_another_it_is_not() -> None:
    parts = (
        "Content-Type: text/plain\n\nplain\n",
        "Content-Type: text/enriched\n\n<bold>hi</bold>\n",
    )
    assert text_of(shaped(within(*parts, kind="alternative"))) == "plain\n"
