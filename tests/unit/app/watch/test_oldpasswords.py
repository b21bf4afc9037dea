from bridge.app.watch.oldpasswords import Aged, aged
from bridge.names import DeviceName, MaildropName
from bridge.storage.register import Device, Disabled, WhyDisabled
from bridge.storage.sightings import DAY_SECONDS

NOW = 1_800_000_000.0
FAX, LABEL, OLD = DeviceName("fax"), DeviceName("label"), DeviceName("old")


def ago(days: float) -> float:
    return NOW - days * DAY_SECONDS


def device(
    name: DeviceName, days: float | None = None, disabled: Disabled | None = None
) -> Device:
    made = None if days is None else ago(days)
    return Device(name, MaildropName("m"), "", password_made=made, disabled=disabled)


def test_the_oldest_come_first_and_those_of_unknown_age_last() -> None:
    devices = [device(OLD), device(FAX, 365), device(LABEL, 800)]
    assert aged(devices, NOW, 365) == [
        Aged(LABEL, 800, ago(800)),
        Aged(FAX, 365, ago(365)),
        Aged(OLD, None, None),
    ]


def test_a_password_is_old_at_so_many_whole_days() -> None:
    assert aged([device(FAX, 364.9)], NOW, 365) == []


def test_one_made_by_a_clock_that_was_ahead_is_new() -> None:
    assert aged([device(FAX, -5000)], NOW, 365) == []


def test_a_disabled_device_logs_in_with_no_password() -> None:
    disabled = Disabled(ago(1), WhyDisabled.BY_HAND)
    assert aged([device(FAX, 800, disabled), device(OLD, None, disabled)], NOW, 365) == []


def test_where_it_is_off_nobody_is_named() -> None:
    assert aged([device(FAX, 800), device(OLD)], NOW, 0) == []
