from collections import Counter
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.throttle import ConnectionCaps, FailureDelays, address_key, parse_address


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::1", "::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("fe80::2%eth1", "fe80::/64"),
    ],
)
def test_an_address_counts_as_itself_or_as_its_network(address: str, key: str) -> None:
    """RFC 4291 section 2.5.4: a host may take any address of its /64."""
    assert address_key(address) == key


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_is_read_without_its_scope_and_a_mapped_one_as_ipv4(
    text: str, address: str
) -> None:
    assert parse_address(text) == ip_address(address)


@given(st.ip_addresses())
def test_every_address_has_a_key(address: object) -> None:
    assert address_key(str(address))


def test_the_delay_doubles_with_each_failure_up_to_the_ceiling() -> None:
    delays = FailureDelays(first=1.0, ceiling=30.0)
    assert [delays.failed("laser", now) for now in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_each_key_has_its_own_delay() -> None:
    delays = FailureDelays(first=1.0)
    delays.failed("laser", 0.0)
    assert delays.failed("fax", 0.0) == 1.0
    assert delays.failed("laser", 0.0) == 2.0


def test_a_right_password_forgets_the_failures_of_its_key_alone() -> None:
    delays = FailureDelays(first=1.0)
    for key in ("laser", "laser", "fax"):
        delays.failed(key, 0.0)
    delays.succeeded("laser")
    delays.succeeded("never seen")
    assert delays.failed("laser", 0.0) == 1.0
    assert delays.failed("fax", 0.0) == 2.0


@pytest.mark.parametrize(("quiet", "delay"), [(899.9, 2.0), (900.0, 1.0), (10000.0, 1.0)])
def test_a_key_that_was_quiet_for_long_starts_anew(quiet: float, delay: float) -> None:
    delays = FailureDelays(first=1.0, forget_after=900.0)
    delays.failed("laser", 100.0)
    assert delays.failed("laser", 100.0 + quiet) == delay


def test_quiet_is_counted_from_the_last_failure() -> None:
    delays = FailureDelays(first=1.0, forget_after=900.0)
    assert [delays.failed("laser", now) for now in (0.0, 600.0, 1200.0)] == [1, 2, 4]


def test_the_key_that_failed_longest_ago_is_forgotten_first() -> None:
    delays = FailureDelays(first=1.0, remembered=2)
    for key in ("a", "b", "a", "c"):
        delays.failed(key, 0.0)
    assert delays.failed("a", 0.0) == 4.0
    assert delays.failed("b", 0.0) == 1.0


def test_a_flood_of_names_leaves_only_as_many_as_are_remembered() -> None:
    delays = FailureDelays(remembered=50)
    for index in range(1000):
        delays.failed(f"user{index}", 0.0)
    kept = [key for key in (f"user{n}" for n in range(1000)) if key in delays._failures]  # noqa: SLF001 - the bound is the promise
    assert kept == [f"user{n}" for n in range(950, 1000)]


def test_years_of_failures_overflow_nothing() -> None:
    delays = FailureDelays(first=1.0, ceiling=1e300)
    assert [delays.failed("laser", 0.0) for _ in range(3000)][-1] == 2.0**30


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e6)), max_size=40))
def test_no_delay_is_below_the_first_or_above_the_ceiling(
    failures: list[tuple[str, float]],
) -> None:
    delays = FailureDelays(first=0.5, ceiling=4.0)
    assert all(0.5 <= delays.failed(key, now) <= 4.0 for key, now in failures)


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
