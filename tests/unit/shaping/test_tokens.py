from hypothesis import given
from hypothesis import strategies as st

from bridge.shaping.tokens import absent_from

FORM = b"=_part_%s"


def test_a_plain_one_serves_nearly_always() -> None:
    assert absent_from([b"text", b""], FORM) == b"=_part_0"


@given(st.lists(st.sampled_from([b"=_part_", b"0", b"=_part_0", b"x", b"=_part_" + b"e" * 32])))
def test_no_text_holds_it_and_it_is_always_the_same(texts: list[bytes]) -> None:
    token = absent_from(texts, FORM)

    assert not any(token in text for text in texts)
    assert token == absent_from(list(texts), FORM)


def test_one_made_to_be_in_a_text_is_not_in_the_next() -> None:
    texts = [b"=_part_0"]
    for _ in range(3):
        texts.append(absent_from(texts, FORM))
        assert not any(absent_from(texts, FORM) in text for text in texts)
