import ipaddress
from typing import Any

import pytest

from bridge.app.watch.exposure import DAY_MINUTES, Exposed, Watched, exposed, fits, outside
from bridge.config import ListenerConfig, Network
from bridge.names import DeviceName
from bridge.storage.sightings import DAY_SECONDS, Sighting, day_of

NOW = 1_800_000_000.0
MONTH = 30


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def listener(**how: Any) -> ListenerConfig:  # noqa: ANN401 - as the class takes it
    for key in {"allow", "plaintext_from"} & how.keys():
        how[key] = networks(*how[key])
    return ListenerConfig(**how)


def seen(
    device: str = "fax",
    tls: str = "TLSv1.3",
    address: str = "192.168.1.20",
    *,
    days_ago: float = 1.0,
    **more: str,
) -> Sighting:
    last = NOW - days_ago * DAY_SECONDS
    cipher = more.get("cipher", "TLS_AES_256_GCM_SHA384" if tls else "")
    where = more.get("listener", "pop3s")
    return Sighting(DeviceName(device), where, tls, cipher, address, last, last)


def told(
    config: ListenerConfig, *sightings: Sighting, days: float = MONTH, by_apop: str = ""
) -> list[Exposed]:
    """Return what is laid open where a bridge watched without a break for so many days."""
    since = NOW - days * DAY_SECONDS
    minutes = {day_of(since): int(days * DAY_MINUTES)}
    secrets = set(map(DeviceName, by_apop.split()))
    return list(exposed([config], Watched(sightings, since, NOW, minutes), secrets))


def text(
    config: ListenerConfig, *sightings: Sighting, days: float = MONTH, by_apop: str = ""
) -> str:
    [one] = told(config, *sightings, days=days, by_apop=by_apop)
    return one.text


PLAIN = {"tls": "none", "require_tls_for_auth": False, "plaintext_from": ["192.168.0.0/16"]}


# ---- nothing to say


def test_the_listener_of_the_defaults_lays_nothing_open() -> None:
    assert told(ListenerConfig(), seen()) == []


def test_starttls_that_takes_no_login_without_tls_lays_nothing_open() -> None:
    assert told(listener(tls="starttls", port=110)) == []


@pytest.mark.parametrize(
    ("text", "is_outside"),
    [
        ("192.168.0.0/16", False),
        ("10.1.2.3/32", False),
        ("fd00::/8", False),
        ("fe80::/64", False),
        ("0.0.0.0/0", True),
        ("::/0", True),
        ("192.0.0.0/8", True),  # holds 192.168.0.0/16, and more
        ("100.64.0.0/10", True),  # a provider's, not one's own (RFC 6598)
        ("203.0.113.7/32", True),
    ],
)
def test_a_network_is_private_only_where_all_of_it_is(text: str, *, is_outside: bool) -> None:
    assert outside(networks(text)) == (list(networks(text)) if is_outside else [])


# ---- reach


def test_a_listener_that_strangers_reach_is_a_note_with_who_comes_from_there() -> None:
    [one] = told(
        listener(allow=["0.0.0.0/0"]),
        seen("branch", address="203.0.113.9"),
        seen("fax", address="192.168.1.20"),
    )
    assert one.listener == "pop3s"
    assert not one.fails
    assert one.text.startswith("reachable from outside private networks (0.0.0.0/0); ")
    assert "devices that log in from there: branch at 203.0.113.9 (2027-01-14)" in one.text
    assert "fax" not in one.text


def test_the_offer_keeps_what_is_private_and_those_who_really_come_from_outside() -> None:
    said = text(
        listener(allow=["192.168.1.0/24", "203.0.113.0/24"]),
        seen("branch", address="203.0.113.9"),
    )
    assert said.endswith('tighter: allow = ["192.168.1.0/24", "203.0.113.9/32"]')


def test_where_nothing_private_was_allowed_the_private_networks_are_offered() -> None:
    said = text(listener(allow=["0.0.0.0/0", "::/0"]), seen("fax"))
    assert "no device was seen to in 30 days" in said
    assert 'tighter: allow = ["127.0.0.0/8", "::1/128", "10.0.0.0/8"' in said


def test_the_offer_of_less_reach_locks_out_nobody_and_lets_in_nobody_new() -> None:
    wide = listener(allow=["192.168.1.0/24", "0.0.0.0/0"])
    assert text(wide, seen("lab", address="10.0.0.5")).endswith(
        'tighter: allow = ["192.168.1.0/24", "10.0.0.5/32"]'
    )
    assert "::" not in text(listener(allow=["0.0.0.0/0"])).partition("tighter")[2]
    assert "tighter" not in text(listener(allow=["203.0.113.0/24"]))


def test_no_setting_is_offered_that_the_listener_has_already() -> None:
    allow = ["192.168.1.0/24", "203.0.113.9/32"]
    said = text(listener(allow=allow), seen("branch", address="203.0.113.9"))
    assert "tighter" not in said


def test_a_listener_of_this_machine_alone_is_reached_by_nobody() -> None:
    assert told(listener(bind="127.0.0.1", allow=["0.0.0.0/0"])) == []
    assert told(listener(bind="::1", allow=["::/0"])) == []


# ---- logins without TLS


def test_logins_without_tls_are_a_note_on_private_networks() -> None:
    [one] = told(listener(**PLAIN), seen("old", "", "192.168.1.40"), seen("new"))
    assert not one.fails
    assert one.text.startswith("logins without TLS are taken from 192.168.0.0/16; ")
    assert "devices that log in so: old at 192.168.1.40 (2027-01-14)" in one.text
    assert one.text.endswith('tighter: plaintext_from = ["192.168.1.40/32"]')


def test_logins_without_tls_from_a_public_network_fail() -> None:
    allow = ["0.0.0.0/0"]
    found = told(listener(**PLAIN | {"allow": allow, "plaintext_from": allow}))
    assert [one.fails for one in found] == [False, True]
    assert "of which 0.0.0.0/0 is not private" in found[1].text


def test_a_public_allow_with_private_logins_without_tls_does_not_fail() -> None:
    found = told(listener(**PLAIN | {"allow": ["0.0.0.0/0"]}))
    assert [one.fails for one in found] == [False, False]


def test_a_plaintext_listener_nobody_uses_is_offered_for_removal() -> None:
    said = text(listener(**PLAIN), seen("new", listener="other", tls=""))
    assert said.endswith("tighter: remove the [[listener]] block pop3s")


def test_starttls_that_nobody_needs_without_tls_is_offered_to_require_it() -> None:
    said = text(listener(**PLAIN | {"tls": "starttls"}), seen("new"))
    assert said.endswith("tighter: plaintext_from = [] and require_tls_for_auth = true")


def test_apop_without_tls_is_a_login_without_tls_from_wherever_one_may_connect() -> None:
    config = listener(tls="none", apop=True, allow=["0.0.0.0/0"])
    found = told(config, seen("x", "", "198.51.100.1"), by_apop="x")
    assert [one.fails for one in found] == [False, True]
    assert found[1].text.startswith("logins with APOP without TLS are taken from 0.0.0.0/0")
    assert found[1].text.endswith('tighter: allow = ["198.51.100.1/32"]')


APOP = {"tls": "starttls", "apop": True, "port": 110}


def test_who_logs_in_under_tls_is_not_locked_out_for_those_who_need_apop() -> None:
    """`allow` binds all users of a listener."""
    said = text(
        listener(**APOP),
        seen("fax", "", "192.168.1.40"),
        seen("mfp", address="192.168.1.41"),
        by_apop="fax",
    )
    assert said.endswith('tighter: allow = ["192.168.1.40/32", "192.168.1.41/32"]')


def test_a_user_of_apop_gets_no_password_in_clear_let_in_from_its_address() -> None:
    config = listener(
        **APOP,
        require_tls_for_auth=False,
        plaintext_from=["192.168.1.40/32"],
        allow=["192.168.0.0/16"],
    )
    users = seen("old", "", "192.168.1.40"), seen("fax", "", "192.168.2.50")
    offer = text(config, *users, by_apop="fax").partition("tighter: ")[2]
    assert offer == 'allow = ["192.168.1.40/32", "192.168.2.50/32"]'


def test_apop_is_offered_away_where_no_device_has_it() -> None:
    assert text(listener(**APOP), seen("mfp")).endswith("tighter: apop = false")
    config = listener(**PLAIN | APOP)
    said = text(config, seen("old", "", "192.168.1.40"), by_apop="elsewhere")
    assert said.endswith('plaintext_from = ["192.168.1.40/32"] and apop = false')


def test_apop_without_passwords_that_no_device_has_is_a_block_for_nobody() -> None:
    said = text(listener(tls="none", apop=True), seen("x", "", "192.168.1.40"))
    assert said.endswith("tighter: remove the [[listener]] block pop3s")


def test_apop_under_tls_is_nothing_to_tell() -> None:
    assert told(listener(apop=True)) == []


def test_what_nobody_uses_of_apop_and_passwords_is_offered_away() -> None:
    said = text(listener(**PLAIN | {"tls": "starttls", "apop": True}))
    assert said.endswith("plaintext_from = [] and require_tls_for_auth = true and apop = false")


# ---- old TLS


def test_a_legacy_policy_names_the_devices_that_need_it_and_by_what() -> None:
    said = text(
        listener(policy="legacy10"),
        seen("old", "TLSv1", cipher="ECDHE-RSA-AES128-SHA"),
        seen("new"),
    )
    assert said.startswith('policy = "legacy10" admits TLS 1.0 and later; ')
    assert "old at 192.168.1.20 by TLSv1 ECDHE-RSA-AES128-SHA (2027-01-14)" in said
    assert "new at" not in said
    assert "tighter" not in said


def test_the_tightest_policy_that_all_logins_fit_is_offered() -> None:
    cbc = seen("mid", "TLSv1.2", cipher="AES256-SHA256")
    assert text(listener(policy="legacy10"), cbc).endswith('tighter: policy = "legacy12"')
    assert text(listener(policy="legacy10"), seen()).endswith('tighter: policy = "modern"')
    assert "tighter" not in text(listener(policy="legacy12"), cbc)


@pytest.mark.parametrize(
    ("tls", "cipher", "policies"),
    [
        ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", {"modern", "legacy12", "legacy10"}),
        ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", {"modern", "legacy12", "legacy10"}),
        ("TLSv1.2", "AES128-GCM-SHA256", {"legacy12", "legacy10"}),  # RSA key exchange
        ("TLSv1.2", "ECDHE-RSA-AES128-SHA256", {"legacy12", "legacy10"}),  # CBC
        ("TLSv1.1", "ECDHE-RSA-AES128-SHA", {"legacy10"}),
    ],
)
def test_what_a_login_needed_says_which_policies_it_fits(
    tls: str, cipher: str, policies: set[str]
) -> None:
    one = seen("x", tls, cipher=cipher)
    assert {p for p in ("modern", "legacy12", "legacy10") if fits(one, p)} == policies


# ---- who really uses it


def test_nothing_tighter_is_offered_before_logins_were_watched_for_a_week() -> None:
    said = text(listener(**PLAIN), days=6.9)
    assert "tighter" not in said
    assert "watched for 6 days only" in said


def test_a_failure_says_what_to_do_even_then() -> None:
    allow = ["0.0.0.0/0"]
    *_, one = told(listener(**PLAIN | {"allow": allow, "plaintext_from": allow}), days=0)
    assert one.fails
    assert one.text.endswith("require TLS, or name private networks alone")


def test_who_was_not_seen_for_long_uses_nothing() -> None:
    said = text(listener(**PLAIN), seen("old", "", days_ago=91), days=400)
    assert "no device was seen to in 90 days" in said


def test_a_device_that_logs_in_another_way_since_a_week_has_left_this_one() -> None:
    without = seen("old", "", days_ago=10)
    assert "old at" in text(listener(**PLAIN), without, seen("old", days_ago=4))
    assert "old at" not in text(listener(**PLAIN), without, seen("old", days_ago=1))


def test_of_many_devices_some_are_named_and_the_rest_counted() -> None:
    many = [seen(f"d{n}", "", f"192.168.1.{n}") for n in range(1, 12)]
    said = text(listener(**PLAIN), *many)
    assert "and 3 more" in said
    assert said.count(" at 192.168.1.") == 8


def test_a_device_is_named_once_however_many_ways_it_has() -> None:
    both = seen("old", "TLSv1"), seen("old", "TLSv1.1", days_ago=2)
    assert text(listener(policy="legacy10"), *both).count("old at") == 1


def test_days_on_which_no_bridge_ran_say_nothing_of_who_needs_a_listener() -> None:
    """A bridge that was off over the summer saw nobody; it was no week since."""
    since = NOW - 90 * DAY_SECONDS
    watched = Watched([], since, NOW, {day_of(NOW): 6 * DAY_MINUTES})
    old = ListenerConfig(policy="legacy10")
    [one] = exposed([old], watched, set())
    assert "watched for 6 days only: ask again after 7" in one.text
    assert "tighter" not in one.text
