from bridge.throttle.failedlogins import (
    DAY_SLOTS,
    MANY,
    REMEMBERED,
    SLOT_SECONDS,
    FailedLogins,
    Failing,
    FailureCounts,
)

NOW = 50_000_000.0 * SLOT_SECONDS
HOUR = 3600.0


def counts(*failures: tuple[str, float]) -> FailureCounts:
    """Return counts of failures of whom and how long ago, the earliest first."""
    made = FailureCounts()
    for who, ago in failures:
        made.failed(who, "password", NOW - ago)
    return made


def test_failures_are_told_by_the_hour_and_by_the_day() -> None:
    made = counts(("a", 23 * HOUR), ("a", 2 * HOUR), ("a", 60.0), ("a", 0.0))
    assert made.most(9, NOW) == [Failing("a", 2, 4, 0.0, "password")]


def test_who_failed_most_within_the_hour_comes_first_and_then_within_the_day() -> None:
    made = counts(*[("old", 5 * HOUR)] * 9, *[("a", 4 * HOUR)], ("b", 1.0), ("a", 1.0))
    assert [one.who for one in made.most(9, NOW)] == ["a", "b", "old"]
    assert [one.who for one in made.most(2, NOW)] == ["a", "b"]


def test_a_failure_is_over_after_a_day() -> None:
    made = counts(("a", 0.0))
    [one] = made.most(9, NOW + (DAY_SLOTS - 1) * SLOT_SECONDS)
    assert (one.hour, one.day, one.ago) == (0, 1, (DAY_SLOTS - 1) * SLOT_SECONDS)
    assert made.most(9, NOW + DAY_SLOTS * SLOT_SECONDS) == []


def test_who_was_quiet_for_years_begins_anew() -> None:
    made = counts(("a", 0.0))
    assert made.failed("a", "disabled", NOW + 1e8) == 1
    assert made.most(9, NOW + 1e8) == [Failing("a", 1, 1, 0.0, "disabled")]


def test_a_quarter_of_an_hour_is_counted_anew_each_day() -> None:
    """The ring of a day comes round to the same place."""
    made = FailureCounts()
    for day in range(3):
        assert made.failed("a", "password", NOW + day * DAY_SLOTS * SLOT_SECONDS) == 1


def test_who_failed_longest_ago_is_forgotten_first() -> None:
    made = FailureCounts(remembered=2)
    for who in ("a", "b", "a", "c"):
        made.failed(who, "password", NOW)
    assert [(one.who, one.day) for one in made.most(9, NOW)] == [("a", 2), ("c", 1)]


def test_a_flood_of_addresses_is_not_all_remembered() -> None:
    made = FailureCounts()
    for number in range(REMEMBERED + 500):
        made.failed(str(number), "password", NOW)
    assert len(made.most(10_000, NOW)) == REMEMBERED


def test_a_login_that_is_no_devices_is_counted_by_its_address_alone() -> None:
    logins = FailedLogins()
    logins.failed("192.0.2.7", None, "password", NOW)
    logins.failed("192.0.2.7", "fax", "address", NOW)
    one = {"hour": 1, "day": 1, "ago": 0.0, "reason": "address"}
    assert logins.told(9, NOW) == {
        "by_address": [{**one, "who": "192.0.2.7", "hour": 2, "day": 2}],
        "by_device": [{**one, "who": "fax"}],
    }


def test_it_is_said_once_when_failures_become_many() -> None:
    logins = FailedLogins()
    said = [logins.failed("192.0.2.7", "fax", "password", NOW) for _ in range(MANY[1])]
    many = [(number, one) for number, some in enumerate(said, 1) for one in some]
    assert many == [
        (reached, (by, who, reached))
        for reached in MANY[:2]
        for by, who in (("address", "192.0.2.7"), ("device", "fax"))
    ]
