"""Parts are what their Content-Type says, where it says anything."""

import pytest

from tests.unit.shaping.messages import PDF, made, shaped, text_of, within


@pytest.mark.parametrize(
    "head",
    [
        "Content-Type: text\nContent-Transfer-Encoding: 7bit\n",
        "Content-Type: text; name=a\n",
        "Content-Type: plain text\n",
        "Content-Type: /\n",
        'Content-Type: "text/plain"; charset=utf-8\n',
        "Content-Type: (a (b;) c) text/plain (d); charset=utf-8 (e)\n",
        "Content-Type: text/plain (not ended; charset=utf-8\n",
        "Content-Type: multipart/mixed\n",
        "Content-Type: multipart/mixed; boundary=nowhere\n",
        "Content-Disposition: inline (here)\n",
    ],
)
def test_what_is_no_type_is_a_text(head: str) -> None:
    """RFC 2045 section 5.2; comments are legal (section 5.1)."""
    for message in (made(f"{head}\nhi\n"), within(f"{head}\nhi\n")):
        assert text_of(shaped(message)) == "hi\n"


def test_comments_in_a_type_and_an_encoding_are_no_part_of_them() -> None:
    page = "Content-Type: text/html (page)\nContent-Transfer-Encoding: base64 (letters)\n\nPGI+aGk8L2I+\n"
    assert text_of(shaped(made(page))) == "hi\n"
    assert text_of(shaped(within(page).replace(b"mixed;", b"alternative (of one);"))) == "hi\n"


def test_a_file_of_no_type_is_what_it_is() -> None:
    scan = (
        f"Content-Type: pdf; name=s.pdf\nContent-Transfer-Encoding: base64\n\n{PDF.decode()}\n"
    )
    printed = shaped(within(scan))
    assert [part.get_content_type() for part in printed.walk()][1:] == ["application/pdf"]
