"""Says which devices lately came from an address of which nobody knew; pure."""

from collections.abc import Iterable
from itertools import groupby

from bridge.storage.addresses import DeviceAddress
from bridge.storage.sightings import DAY_SECONDS

NEWS_DAYS = 7
"""For how many days an address is told as new: an admin who looks once a week sees it."""


def newcomers(addresses: Iterable[DeviceAddress], now: float) -> list[DeviceAddress]:
    """Return, of addresses in order of their devices, those that were first or in vain tried within NEWS_DAYS.

    The first that is known of a device is no news: it was learned. Nor is what an owner let in by hand.
    """
    since = now - NEWS_DAYS * DAY_SECONDS
    found: list[DeviceAddress] = []
    for _, group in groupby(addresses, key=lambda one: one.device):
        of_device = list(group)
        learned = min((one.first for one in of_device if one.admitted), default=now)
        found += [one for one in of_device if _is_news(one, learned, since)]
    return found


def _is_news(one: DeviceAddress, learned: float, since: float) -> bool:
    if not one.admitted:
        return one.last >= since
    return not one.by_hand and one.first > learned and one.first >= since
