from bridge.app.exposure import DAY_SECONDS, Watched
from bridge.app.unseen import Unseen, unseen
from bridge.names import DeviceName
from bridge.storage.sightings import Sighting

NOW = 1_800_000_000.0
FAX, LABEL, NEW = DeviceName("fax"), DeviceName("label"), DeviceName("new")


def seen(device: DeviceName, days_ago: float, listener: str = "pop3s") -> Sighting:
    last = NOW - days_ago * DAY_SECONDS
    return Sighting(device, listener, "", "", "192.0.2.7", last, last)


def watched(*sightings: Sighting, days: float = 100) -> Watched:
    return Watched(sightings, NOW - days * DAY_SECONDS, NOW)


def test_the_longest_gone_come_first_and_one_never_seen_counts_from_the_beginning() -> None:
    of = watched(seen(FAX, 40), seen(LABEL, 29))
    assert unseen([FAX, LABEL, NEW], of, 30) == [
        Unseen(NEW, 100, None),
        Unseen(FAX, 40, NOW - 40 * DAY_SECONDS),
    ]


def test_the_last_way_in_which_a_device_logged_in_counts() -> None:
    of = watched(seen(FAX, 1), seen(FAX, 90, "plain"))
    assert unseen([FAX], of, 30) == []


def test_nobody_is_missed_before_logins_were_watched_so_long_or_where_it_is_off() -> None:
    assert unseen([NEW], watched(days=29.9), 30) == []
    assert unseen([NEW], watched(), 0) == []
