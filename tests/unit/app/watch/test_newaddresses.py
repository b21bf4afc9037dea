from bridge.app.watch.newaddresses import NEWS_DAYS, newcomers
from bridge.names import DeviceName
from bridge.storage.addresses import DeviceAddress
from bridge.storage.sightings import DAY_SECONDS

NOW = 1_800_000_000.0


def address(
    text: str,
    first: float,
    last: float = 0,
    device: str = "fax",
    *,
    admitted: bool = True,
    by_hand: bool = False,
) -> DeviceAddress:
    at = NOW - first * DAY_SECONDS, NOW - last * DAY_SECONDS
    return DeviceAddress(DeviceName(device), text, *at, admitted=admitted, by_hand=by_hand)


def test_an_address_is_news_for_a_week_unless_it_is_the_first_of_its_device() -> None:
    late = address("late", NEWS_DAYS)
    rows = [
        address("first", 100),
        address("old", NEWS_DAYS + 1),
        late,
        address("x", 1, device="new"),
    ]
    assert newcomers(rows, NOW) == [late]


def test_the_first_is_told_by_its_time_and_not_by_its_place() -> None:
    second = address("second", 1)
    assert newcomers([second, address("first", 2)], NOW) == [second]


def test_a_refused_one_is_told_for_a_week_since_it_was_last_tried() -> None:
    tried = address("tried", 100, 1, admitted=False)
    given_up = address("given up", 100, NEWS_DAYS + 1, admitted=False)
    assert newcomers([address("first", 200), tried, given_up], NOW) == [tried]


def test_where_nothing_is_known_nothing_is_new() -> None:
    assert newcomers([], NOW) == []


def test_what_an_owner_let_in_is_no_news() -> None:
    assert newcomers([address("first", 2), address("x", 1, by_hand=True)], NOW) == []
