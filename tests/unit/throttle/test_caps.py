from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bridge.throttle.caps import ConnectionCaps


def test_a_full_house_admits_nobody_until_somebody_leaves() -> None:
    caps = ConnectionCaps(total=2, per_address=2)
    assert caps.admit("a")
    assert caps.admit("b")
    assert not caps.admit("c")
    caps.leave("a")
    assert caps.admit("c")
    assert caps.open_connections == 2


def test_one_address_cannot_take_every_place() -> None:
    caps = ConnectionCaps(total=10, per_address=2)
    assert [caps.admit("a") for _ in range(4)] == [True, True, False, False]
    assert caps.admit("b")
    caps.leave("a")
    assert caps.admit("a")
    assert not caps.admit("a")


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcd")), max_size=60))
def test_the_caps_hold_whoever_comes_and_goes(moves: list[tuple[bool, str]]) -> None:
    caps = ConnectionCaps(total=5, per_address=3)
    inside: Counter[str] = Counter()
    for comes, key in moves:
        if comes:
            wanted = inside.total() < 5 and inside[key] < 3
            assert caps.has_room(key) == wanted
            assert caps.admit(key) == wanted
            inside[key] += wanted
        elif inside[key]:
            caps.leave(key)
            inside[key] -= 1
        assert caps.open_connections == inside.total()
    assert set(caps._open) == {key for key, count in inside.items() if count}  # noqa: SLF001 - an address that left is forgotten
