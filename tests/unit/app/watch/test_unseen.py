from bridge.app.watch.exposure import DAY_MINUTES, Watched
from bridge.app.watch.unseen import Unseen, unseen
from bridge.names import DeviceName, MaildropName
from bridge.storage.register import Device, Disabled, WhyDisabled
from bridge.storage.sightings import DAY_SECONDS, Sighting, day_of

NOW = 1_800_000_000.0
FAX, LABEL, NEW = DeviceName("fax"), DeviceName("label"), DeviceName("new")


def ago(days: float) -> float:
    return NOW - days * DAY_SECONDS


def device(
    name: DeviceName,
    *,
    made: float | None = None,
    enabled: float | None = None,
    disabled: Disabled | None = None,
) -> Device:
    drop = MaildropName("m")
    return Device(name, drop, "", made=made, enabled=enabled, disabled=disabled)


def seen(device: DeviceName, days_ago: float, listener: str = "pop3s") -> Sighting:
    return Sighting(device, listener, "", "", "192.0.2.7", ago(days_ago), ago(days_ago))


def watched(*sightings: Sighting, days: int = 100, a_day: int = DAY_MINUTES) -> Watched:
    """Return what is known where a bridge watched for so many minutes on each of the last days."""
    minutes = {day_of(ago(n)): a_day for n in range(days)}
    return Watched(sightings, ago(days), NOW, minutes)


def test_the_longest_gone_come_first_and_one_never_seen_counts_from_the_beginning() -> None:
    of = watched(seen(FAX, 40), seen(LABEL, 29))
    assert unseen(map(device, [FAX, LABEL, NEW]), of, 30) == [
        Unseen(NEW, 100, None),
        Unseen(FAX, 40, ago(40)),
    ]


def test_one_never_seen_counts_from_when_it_was_added() -> None:
    assert unseen([device(NEW, made=ago(29))], watched(), 30) == []
    assert unseen([device(NEW, made=ago(30))], watched(), 30) == [Unseen(NEW, 30, None)]


def test_the_last_way_in_which_a_device_logged_in_counts() -> None:
    of = watched(seen(FAX, 1), seen(FAX, 90, "plain"))
    assert unseen([device(FAX)], of, 30) == []


def test_the_days_of_one_that_was_enabled_count_anew() -> None:
    of = watched(seen(FAX, 90))
    assert unseen([device(FAX, made=ago(95), enabled=ago(29))], of, 30) == []
    assert unseen([device(FAX, enabled=ago(31))], of, 30) == [Unseen(FAX, 31, ago(90))]


def test_what_is_disabled_already_is_not_missed_as_well() -> None:
    disabled = Disabled(ago(10), WhyDisabled.UNSEEN)
    assert unseen([device(FAX, disabled=disabled)], watched(), 30) == []


def test_nobody_is_missed_before_logins_were_watched_so_long_or_where_it_is_off() -> None:
    assert unseen([device(NEW)], watched(days=29), 30) == []
    assert unseen([device(NEW)], watched(), 0) == []


def test_nobody_is_missed_for_days_on_which_no_bridge_ran() -> None:
    """A bridge that comes back after a summer would find every device gone."""
    of = watched(seen(FAX, 90), days=10)
    assert unseen([device(FAX), device(NEW, made=ago(90))], of, 30) == []


def test_half_a_day_of_watching_is_half_a_day() -> None:
    of = watched(seen(FAX, 59), a_day=DAY_MINUTES // 2)
    assert unseen([device(FAX)], of, 30) == []
    assert unseen([device(FAX)], of, 29) == [Unseen(FAX, 29, ago(59))]


def test_days_that_a_clock_wrote_which_was_ahead_make_nobody_missed() -> None:
    """A bridge ran for 100 days with a clock that was years ahead; now it is right, and the fax came just now."""
    days = {day_of(ago(-1000 - n)): DAY_MINUTES for n in range(100)}
    of = Watched((seen(FAX, 0),), ago(200), NOW, {**days, day_of(NOW): DAY_MINUTES})
    assert unseen([device(FAX)], of, 30) == []
