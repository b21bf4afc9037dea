import ipaddress

import pytest
from cryptography import x509

from bridge.errors import StateError
from bridge.tls.hostnames import alternative_names, common_name


def test_host_names_and_addresses_may_be_mixed() -> None:
    assert alternative_names(["Print.example.test", "192.0.2.7", "2001:db8::7", "nas"]) == [
        x509.DNSName("print.example.test"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
        x509.DNSName("nas"),
    ]


def test_a_name_given_twice_stands_once() -> None:
    assert len(alternative_names(["nas", "NAS", "192.0.2.7", "192.0.2.7"])) == 2


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "*.example.test",
        "under_score.test",
        "-leading.test",
        "trailing-.test",
        "dot.at.end.",
        "two..dots",
        "a" * 64 + ".test",
        ".".join(["a" * 60] * 5),
        "blank name",
        "line\nbreak",
        "drückerei.test",
        "300.1.1.1",
        "192.0.2",
        "192.0.2.0/24",
        "[2001:db8::7]",
    ],
)
def test_what_is_neither_host_name_nor_address_is_refused(name: str) -> None:
    with pytest.raises(StateError, match="neither a host name nor an address"):
        alternative_names([name])


def test_an_address_with_a_zone_is_refused() -> None:
    with pytest.raises(StateError, match="leave the zone"):
        alternative_names(["fe80::1%eth0"])


def test_no_names_at_all_are_refused() -> None:
    with pytest.raises(StateError, match="at least one"):
        alternative_names([])


def test_a_label_may_have_63_characters_and_a_common_name_64() -> None:
    assert alternative_names(["a" * 63])
    assert common_name(["a" * 62 + ".b"]) == "a" * 62 + ".b"


def test_a_first_name_over_64_characters_is_refused() -> None:
    """RFC 5280 appendix A.1: ub-common-name."""
    with pytest.raises(StateError, match="put a shorter one before it"):
        common_name(["a" * 62 + ".bc", "short"])
