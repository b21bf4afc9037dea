import math

import attrs
import pytest

from bridge.accounts import directory as directory_module
from bridge.accounts.directory import Directory, contains
from bridge.accounts.probe import ProbeLogin
from bridge.errors import LoginRefused, SpoolUnavailable
from bridge.names import PROBE, DeviceName
from bridge.storage.register import Device, RegisterSnapshot
from bridge.throttle.addresses import address_key
from bridge.throttle.delays import FailureDelays
from tests.unit.accounts.logging_in import (
    DROP,
    ELSEWHERE,
    HERE,
    OFFICE,
    SEAL,
    TIMESTAMP,
    WRONG,
    desk,
    device,
    digest,
    refused,
    with_apop,
)

# ---- passwords


@pytest.mark.parametrize(
    "login", ["Panel", "panel", "PANEL", "alias@example.org", "ALIAS@EXAMPLE.ORG", "STRASSE"]
)
async def test_a_device_logs_in_under_its_name_or_an_alias_in_any_letters(login: str) -> None:
    at = await desk()
    assert (await at.directory.check_password(login, "right", HERE)).name == "Panel"
    assert at.clock.slept == []


@pytest.mark.parametrize("login", ["", "panel.", "nobody", "Pane", "Panel\x00", "x" * 10_000])
async def test_anything_else_is_no_login(login: str) -> None:
    at = await desk()
    assert await refused(at, login, "right") == 1.0


@pytest.mark.parametrize("password", ["", "Right", "right ", "wrong", "\udcff"])
async def test_a_wrong_password_is_refused(password: str) -> None:
    assert await refused(await desk(), "Panel", password) == 1.0


async def test_a_name_that_does_not_exist_costs_the_same_work_and_the_same_delay() -> None:
    unknown, known = await desk(), await desk()
    delays = [await refused(unknown, "nobody"), await refused(known, "panel")]
    assert delays[0] == delays[1]
    assert unknown.verifier.asked == [(None, "wrong", HERE)]
    assert known.verifier.asked == [("right", "wrong", HERE)]


async def test_one_verification_is_asked_for_each_login() -> None:
    at = await desk()
    await at.directory.check_password("Panel", "right", HERE)
    assert len(at.verifier.asked) == 1


async def test_the_refusals_of_a_name_and_of_a_password_read_the_same() -> None:
    at = await desk()
    texts = []
    for login in ("nobody", "Panel"):
        with pytest.raises(LoginRefused) as raised:
            await at.directory.check_password(login, "wrong", HERE)
        texts.append(str(raised.value))
    assert texts[0] == texts[1]
    assert "Panel" not in texts[0]


async def test_too_many_logins_at_once_are_no_wrong_password() -> None:
    at = await desk()
    at.verifier.is_busy = True
    with pytest.raises(SpoolUnavailable):
        await at.directory.check_password("Panel", "right", HERE)
    assert at.clock.slept == []


async def test_addresses_of_one_ipv6_network_stand_in_one_line() -> None:
    at = await desk()
    for address in ("2001:db8::1", "2001:db8::2", "::ffff:192.0.2.7"):
        await at.directory.check_password("Panel", "right", address)
    origins = [origin for _, _, origin in at.verifier.asked]
    assert origins == ["2001:db8::/64", "2001:db8::/64", "192.0.2.7"]


# ---- delays


async def test_delays_double_up_to_the_ceiling() -> None:
    at = await desk(ceiling=10.0)
    assert [await refused(at) for _ in range(6)] == [1, 2, 4, 8, 10, 10]


async def test_delays_grow_for_an_address_whatever_names_it_tries() -> None:
    at = await desk()
    assert [await refused(at, f"name-{n}") for n in range(4)] == [1, 2, 4, 8]


async def test_delays_grow_for_a_name_from_whatever_address_it_is_tried() -> None:
    at = await desk()
    delays = [
        await refused(at, "PANEL" if n % 2 else "panel", address=f"10.0.{n}.1")
        for n in range(4)
    ]
    assert delays == [1, 2, 4, 8]


async def test_a_right_password_is_never_delayed_however_many_failed() -> None:
    at = await desk()
    for number in range(200):
        await refused(at, address=f"10.{number}.0.1")
        await refused(at, address=HERE)
    before = len(at.clock.slept)
    await at.directory.check_password("Panel", "right", HERE)
    assert len(at.clock.slept) == before


async def test_a_right_password_clears_its_address_and_not_its_name() -> None:
    """A stranger who guesses at a name gains nothing from the printer's own logins."""
    at = await desk()
    for _ in range(4):
        await refused(at, address=ELSEWHERE)
        await refused(at, "other", address=HERE)
    await at.directory.check_password("Panel", "right", HERE)
    assert await refused(at, "third", address=HERE) == 1.0
    assert await refused(at, "Panel", address=HERE) == 16.0


async def test_failures_are_forgotten_after_a_quiet_while() -> None:
    at = await desk()
    for _ in range(6):
        await refused(at)
    at.clock.advance(FailureDelays().forget_after)
    assert await refused(at) == 1.0


async def test_a_year_of_failures_is_a_delay_like_any_other() -> None:
    at = await desk()
    for _ in range(2000):
        delay = await refused(at)
    assert delay == 30.0
    assert math.isfinite(delay)


async def test_a_flood_of_names_and_addresses_is_not_all_remembered() -> None:
    at = await desk()
    limit = FailureDelays().remembered
    for number in range(limit + 500):
        await refused(at, f"name-{number}", address=f"10.{number >> 8}.{number & 255}.1")
    held = [at.directory._by_address, at.directory._by_name]  # noqa: SLF001 - nothing else tells
    assert [len(delays._failures) for delays in held] == [limit, limit]  # noqa: SLF001 - as above


async def test_a_name_of_any_length_costs_the_table_of_failures_the_same() -> None:
    at = await desk()
    await refused(at, "\u0390" * 9000)
    (key,) = at.directory._by_name._failures  # noqa: SLF001 - nothing else tells
    assert len(key) == 32


async def test_without_a_ceiling_nothing_waits() -> None:
    assert await refused(await desk(ceiling=0)) == 0


# ---- networks


@pytest.mark.parametrize(
    ("allow", "address", "is_allowed"),
    [
        ((), ELSEWHERE, True),
        (("192.0.2.0/24",), HERE, True),
        (("192.0.2.0/24",), "::ffff:192.0.2.7", True),
        (("192.0.2.0/24",), ELSEWHERE, False),
        (("192.0.2.0/24",), "::ffff:198.51.100.9", False),
        (("192.0.2.7/32", "198.51.100.0/24"), ELSEWHERE, True),
        (("2001:db8::/32",), "2001:db8::1", True),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("2001:db8::/32",), HERE, False),
        (("::/0",), HERE, False),
        (("0.0.0.0/0",), "2001:db8::1", False),
    ],
)
async def test_a_device_logs_in_from_its_networks_alone(
    allow: tuple[str, ...], address: str, *, is_allowed: bool
) -> None:
    at = await desk(device(allow=allow))
    if is_allowed:
        assert await at.directory.check_password("Panel", "right", address)
    else:
        assert await refused(at, password="right", address=address) == 1.0


async def test_a_right_password_from_a_wrong_place_is_delayed_like_a_wrong_one() -> None:
    at = await desk(device(allow=("192.0.2.0/24",)))
    delays = [await refused(at, password="right", address=ELSEWHERE) for _ in range(3)]
    assert delays == [1, 2, 4]


def test_no_network_contains_no_address() -> None:
    assert not contains((), HERE)


def test_an_ipv4_address_and_its_mapped_form_have_one_key() -> None:
    assert address_key("::ffff:192.0.2.7") == address_key("192.0.2.7")


# ---- APOP (RFC 1939 section 7)


async def test_the_digest_of_the_rfcs_example_is_right() -> None:
    at = await desk(with_apop(device("mrose")))
    found = await at.directory.check_digest(
        "mrose", TIMESTAMP, "c4c9334bac560ecc979e58001b3e22fb", HERE
    )
    assert (found.name, at.clock.slept) == ("mrose", [])


@pytest.mark.parametrize(
    "offered",
    [digest("other"), digest("tanstaaf", "<another@stamp>"), "", "c4c9", "é" * 32, "\udcff"],
)
async def test_any_other_digest_is_refused_after_a_delay(offered: str) -> None:
    at = await desk(with_apop(device()))
    with pytest.raises(LoginRefused):
        await at.directory.check_digest("Panel", TIMESTAMP, offered, HERE)
    assert at.clock.slept == [1.0]


@pytest.mark.parametrize("login", ["nobody", "Plain"])
@pytest.mark.parametrize("secret", ["", "right", "tanstaaf"])
async def test_who_is_unknown_or_not_enrolled_for_apop_is_refused_alike(
    login: str, secret: str
) -> None:
    plain = attrs.evolve(device("Plain"), aliases=())
    at = await desk(with_apop(device()), plain)
    with pytest.raises(LoginRefused, match=r"^wrong name or password$"):
        await at.directory.check_digest(login, TIMESTAMP, digest(secret), HERE)
    assert at.clock.slept == [1.0]


async def test_apop_and_passwords_share_their_delays() -> None:
    at = await desk(with_apop(device()))
    await refused(at)
    with pytest.raises(LoginRefused):
        await at.directory.check_digest("Panel", TIMESTAMP, "no", HERE)
    assert at.clock.slept == [1.0, 2.0]


async def test_apop_keeps_to_the_devices_networks() -> None:
    at = await desk(with_apop(device(allow=("192.0.2.0/24",))))
    with pytest.raises(LoginRefused):
        await at.directory.check_digest("Panel", TIMESTAMP, digest("tanstaaf"), ELSEWHERE)
    assert await at.directory.check_digest(
        "ALIAS@example.org", TIMESTAMP, digest("tanstaaf"), HERE
    )


# ---- the register


async def test_before_it_is_loaded_nobody_logs_in() -> None:
    at = await desk()
    empty = Directory(at.register, at.verifier, SEAL, at.clock, 30.0)  # type: ignore[arg-type] - it is only read
    with pytest.raises(LoginRefused):
        await empty.check_password("Panel", "right", HERE)
    assert empty.snapshot == RegisterSnapshot((), (), ())


async def test_a_change_counts_once_it_is_loaded() -> None:
    at = await desk()
    at.register.devices = (device("Other"),)
    assert await at.directory.check_password("Panel", "right", HERE)
    assert await at.directory.load() == at.directory.snapshot
    assert await refused(at, "Panel", "right") == 1.0
    assert (await at.directory.check_password("Other", "right", HERE)).name == "Other"


async def test_the_account_of_a_maildrop_is_known() -> None:
    assert (await desk()).directory.account_of(DROP) == OFFICE


def test_the_module_asks_no_clock_of_its_own() -> None:
    assert not {"time", "sleep"} & set(vars(directory_module))


# ---- the bridge's own login


async def test_the_bridges_own_login_costs_nobody_anything() -> None:
    at = await desk()
    probe = ProbeLogin()
    probe.come_from("127.0.0.1")
    at.directory.admit(probe)
    await refused(at, address="127.0.0.1")
    assert await at.directory.check_password(PROBE, probe.password, "127.0.0.1") is probe.device
    assert len(at.verifier.asked) == 1
    assert at.directory.account_of(probe.device.maildrop) is None
    assert await refused(at, address="127.0.0.1") == 2.0, "it forgave a guesser nothing"


async def test_whoever_guesses_at_the_bridges_own_login_waits_like_anybody() -> None:
    at = await desk()
    at.directory.admit(ProbeLogin())
    assert [await refused(at, PROBE, address="127.0.0.1") for _ in range(3)] == [1.0, 2.0, 4.0]
    assert at.verifier.asked == [(None, WRONG, "127.0.0.1")] * 3


async def test_the_bridges_own_login_is_refused_from_elsewhere() -> None:
    at = await desk()
    probe = ProbeLogin()
    probe.come_from("127.0.0.1")
    at.directory.admit(probe)
    assert await refused(at, PROBE, probe.password, HERE) == 1.0


async def test_the_last_login_is_that_of_a_device() -> None:
    at = await desk()
    probe = ProbeLogin()
    probe.come_from("127.0.0.1")
    at.directory.admit(probe)
    made = at.directory.last_login
    await at.clock.sleep(60)
    await refused(at)
    await at.directory.check_password(PROBE, probe.password, "127.0.0.1")
    assert at.directory.last_login == made
    await at.directory.check_password("Panel", "right", HERE)
    assert at.directory.last_login == at.clock.monotonic() > made


@pytest.mark.parametrize(("simulated", "asked"), [("Panel", 0), ("Other", 1), (None, 1)])
async def test_only_of_the_device_that_is_simulated_the_address_is_not_asked_about(
    simulated: str | None, asked: int
) -> None:
    at = await desk()
    questions = []

    async def question(found: Device, address: str) -> str:
        questions.append((found.name, address))
        return ""

    at.directory.ask(question)
    at.directory.last_login = before = -1.0
    name = None if simulated is None else DeviceName(simulated)
    assert await at.directory.check_password("Panel", "right", HERE, name)
    assert len(questions) == asked
    assert (at.directory.last_login > before) == bool(asked)
    with pytest.raises(LoginRefused):
        await at.directory.check_password("Panel", WRONG, HERE, name)
