"""Who is refused although the password is right, and who failed how often."""

import attrs
import pytest

from bridge.accounts.probe import ProbeLogin
from bridge.errors import LoginRefused, SpoolUnavailable
from bridge.storage.register import Device, Disabled, WhyDisabled
from tests.unit.accounts.logging_in import (
    ELSEWHERE,
    HERE,
    RIGHT,
    TIMESTAMP,
    WRONG,
    desk,
    device,
    digest,
    refused,
    with_apop,
)

# ---- who failed how often


async def test_failures_are_counted_by_address_and_by_the_device_that_was_meant(
    caplog: pytest.LogCaptureFixture,
) -> None:
    at = await desk()
    for login in ("ALIAS@example.org", "panel", "s3cret-typed-as-a-name"):
        await refused(at, login, address="2001:db8::7")
    await at.directory.check_password("Panel", "right", HERE)
    told = at.directory.failed_logins.told(9, at.clock.monotonic())
    assert [(one["who"], one["hour"]) for one in told["by_address"]] == [("2001:db8::/64", 3)]
    assert [(one["who"], one["hour"]) for one in told["by_device"]] == [("Panel", 2)]
    assert "s3cret" not in str(told) + str([vars(one) for one in caplog.records])


async def test_it_is_logged_when_they_become_many(caplog: pytest.LogCaptureFixture) -> None:
    at = await desk(ceiling=0)
    for number in range(11):
        await refused(at, address=f"10.0.{number}.1")
    many = [one for one in caplog.records if one.msg == "many-failed-logins"]
    assert [vars(one)["event_fields"] for one in many] == [
        {"by": "device", "who": "Panel", "hour": 10}
    ]


# ---- a further question


async def test_a_question_is_asked_of_whom_nothing_else_keeps_out() -> None:
    at = await desk(device(allow=("192.0.2.0/24",)))
    asked: list[tuple[str, str]] = []

    async def question(one: Device, address: str) -> str:
        asked.append((one.name, address))
        return "new-address"

    at.directory.ask(question)
    with pytest.raises(LoginRefused, match=r"^right password, but from an address .* never"):
        await at.directory.check_password("Panel", "right", HERE)
    assert at.clock.slept == [1.0]
    await refused(at, "Panel", WRONG)
    await refused(at, "Panel", "right", ELSEWHERE)
    assert asked == [("Panel", HERE)]


async def test_how_long_it_took_to_ask_does_not_show() -> None:
    """Else who comes from a strange address could tell a right password by its time."""
    at = await desk()

    async def question(_device: Device, _address: str) -> str:
        at.clock.advance(0.25)
        return "new-address"

    at.directory.ask(question)
    began = at.clock.monotonic()
    with pytest.raises(LoginRefused):
        await at.directory.check_password("Panel", "right", HERE)
    assert at.clock.monotonic() - began == 1.0


async def test_a_question_that_cannot_be_answered_waits_like_a_wrong_password() -> None:
    """Else who comes from a strange address could try passwords as fast as the machine answers."""
    at = await desk()

    async def question(_device: Device, _address: str) -> str:
        raise SpoolUnavailable("no answer")

    at.directory.ask(question)
    for _ in range(2):
        with pytest.raises(SpoolUnavailable):
            await at.directory.check_password("Panel", RIGHT, HERE)
    assert at.clock.slept == [1.0, 2.0]
    assert await refused(at, password=WRONG) == 4.0


@pytest.mark.parametrize("work", [0.2, 0.9, 5.0])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("case", ["disabled", "elsewhere", "asked", "unanswered"])
async def test_the_time_of_a_refusal_does_not_tell_a_right_password(
    work: float, case: str, *, known: bool
) -> None:
    """A right password may be known from memory; a wrong one is hashed, for longer under a flood."""
    at = await desk(
        disabled(device()) if case == "disabled" else device(allow=("192.0.2.0/24",))
    )

    async def question(_device: Device, _address: str) -> str:
        at.clock.advance(0.05)
        if case == "unanswered":
            raise SpoolUnavailable("no answer")
        return "new-address"

    at.directory.ask(question)
    address = ELSEWHERE if case == "elsewhere" else HERE
    times = []
    for password in (WRONG, RIGHT):
        at.verifier.known, at.verifier.work = known, lambda: at.clock.advance(work)
        began = at.clock.monotonic()
        with pytest.raises((LoginRefused, SpoolUnavailable)):
            await at.directory.check_password("Panel", password, address)
        times.append(at.clock.monotonic() - began)
        at.clock.advance(1000.0)  # the failures are forgotten
    question_takes = 0.05 if case in {"asked", "unanswered"} and work > 1.0 else 0.0
    assert times == pytest.approx([max(1.0, work), max(1.0, work + question_takes)])


async def test_a_login_that_is_let_in_is_hashed_once_at_most() -> None:
    at = await desk()
    at.verifier.known = True
    await at.directory.check_password("Panel", RIGHT, HERE)
    assert (at.verifier.asked, at.clock.slept) == ([(RIGHT, RIGHT, HERE)], [])


# ---- disabled devices


def disabled(plain: Device) -> Device:
    return attrs.evolve(plain, disabled=Disabled(0.0, WhyDisabled.BY_HAND))


async def test_a_disabled_device_is_refused_like_a_wrong_password() -> None:
    at = await desk(disabled(device()))
    with pytest.raises(LoginRefused, match=r"^right password, but the device is disabled$"):
        await at.directory.check_password("Panel", "right", HERE)
    assert await refused(at, password="right") == 2.0


async def test_whether_a_device_is_disabled_does_not_show_without_its_password() -> None:
    at = await desk(disabled(device()))
    with pytest.raises(LoginRefused, match=r"^wrong name or password$"):
        await at.directory.check_password("Panel", WRONG, HERE)
    assert at.verifier.asked == [(RIGHT, WRONG, HERE)]


async def test_a_disabled_device_is_refused_by_apop_too() -> None:
    at = await desk(disabled(with_apop(device())))
    with pytest.raises(LoginRefused, match="disabled"):
        await at.directory.check_digest("Panel", TIMESTAMP, digest("tanstaaf"), HERE)


# ---- changes while a password is checked


@pytest.mark.parametrize(
    "then",
    [
        (),
        (device(password="another"),),
        (attrs.evolve(device(), disabled=Disabled(0.0, WhyDisabled.BY_HAND)),),
        (device(allow=("198.51.100.0/24",)),),
        (device("Other"),),
    ],
)
async def test_a_change_counts_for_a_login_that_is_being_checked(
    then: tuple[Device, ...],
) -> None:
    at = await desk()
    at.register.devices = then
    at.verifier.meanwhile = at.directory.load
    assert await refused(at, password=RIGHT) == 1.0


async def test_a_login_that_is_being_checked_outlasts_another_change() -> None:
    at = await desk()
    at.register.devices = (attrs.evolve(device(), aliases=(), login_delay=60),)
    at.verifier.meanwhile = at.directory.load
    found = await at.directory.check_password("alias@example.org", RIGHT, HERE)
    assert (found.name, found.login_delay) == ("Panel", 60)


# ---- changes while a device waits for its maildrop


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ((), "wrong name or password, since"),
        ((device(password="another"),), "wrong name or password, since"),
        ((with_apop(device()),), "wrong name or password, since"),
        ((device("Other"),), "wrong name or password, since"),
        ((disabled(device()),), "the device is disabled, since"),
        ((device(allow=("198.51.100.0/24",)),), "may not use, since"),
    ],
)
async def test_a_device_that_waited_is_held_against_what_counts_then(
    then: tuple[Device, ...], why: str
) -> None:
    at = await desk()
    panel = await at.directory.check_password("Panel", RIGHT, HERE)
    at.register.devices = then
    await at.directory.load()
    with pytest.raises(LoginRefused, match=why):
        at.directory.confirm(panel, HERE)


async def test_a_device_that_waited_for_a_maildrop_it_no_longer_has_may_come_again() -> None:
    at = await desk()
    panel = await at.directory.check_password("Panel", RIGHT, HERE)
    at.register.devices = (attrs.evolve(device(), maildrop=None),)
    await at.directory.load()
    with pytest.raises(SpoolUnavailable, match="another maildrop"):
        at.directory.confirm(panel, HERE)


async def test_what_does_not_matter_to_a_login_may_change_while_it_waits() -> None:
    at = await desk()
    probe = ProbeLogin()
    at.directory.admit(probe)
    panel = await at.directory.check_password("Panel", RIGHT, HERE)
    at.register.devices = (attrs.evolve(device(), aliases=(), login_delay=60),)
    await at.directory.load()
    at.directory.confirm(panel, HERE)
    at.directory.confirm(probe.device, "127.0.0.1")
