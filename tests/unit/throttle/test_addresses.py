from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.throttle.addresses import address_key, parse_address


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
