"""What is kept of the settings that a bridge ran with, and what differs between two runs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeAlias

import attrs

from bridge.config.keys import listener_of
from bridge.storage.audit import AuditEvent, Difference, shortened

Change: TypeAlias = tuple[AuditEvent, tuple[Difference, ...]]
"""What one entry tells."""


@attrs.frozen
class SettingsInForce:
    """Settings by their keys (bridge/config/keys.py); of those in `hidden` a digest instead of the value."""

    values: Mapping[str, str] = attrs.field(repr=False)
    hidden: frozenset[str] = frozenset()


class SettingsStore(Protocol):
    """The settings at rest that a bridge ran with last."""

    async def put_in_force(
        self, now: SettingsInForce, usual: SettingsInForce, at: float
    ) -> None:
        """Keep durably what is in force now, and write an entry for each change since the last time.

        Entries and what is kept are one transaction. `usual` is what is in force where nobody chose: a
        setting that is new to this version was that before. Where nothing was kept yet, one entry tells
        of all that is not as usual. `at` is in seconds since the epoch.

        Raises:
            SpoolUnavailable: nothing was written; it is told the next time.
        """
        ...


def changes(
    before: SettingsInForce | None, now: SettingsInForce, usual: SettingsInForce
) -> Iterator[Change]:
    """Yield what each entry is to tell: listeners that went and came, then settings in their order."""
    if before is None:
        yield AuditEvent.SETTINGS_NOTED, tuple(_chosen(now, usual, now.values))
        return
    old, new = _listeners(before), _listeners(now)
    for name in [one for one in old if one not in new]:
        gone = map(_turned, _chosen(before, usual, old[name]))
        yield AuditEvent.LISTENER_REMOVED, (Difference("listener", name, None), *gone)
    for name in [one for one in new if one not in old]:
        come = _chosen(now, usual, new[name])
        yield AuditEvent.LISTENER_ADDED, (Difference("listener", None, name), *come)
    for one in _differences(before, now, usual):
        whose = listener_of(one.field)
        if whose is None or (whose in old and whose in new):
            yield AuditEvent.SETTING_CHANGED, (one,)


def _differences(
    before: SettingsInForce, now: SettingsInForce, usual: SettingsInForce
) -> Iterator[Difference]:
    for key in {**now.values, **before.values}:
        was, is_now = before.values.get(key, _usual(key, usual)), now.values.get(key)
        if was == is_now:
            continue
        if key in before.hidden or key in now.hidden:
            yield Difference(key, None, None)
        else:
            yield Difference(key, was and shortened(was), is_now and shortened(is_now))


def _listeners(settings: SettingsInForce) -> dict[str, list[str]]:
    """Return the keys of each listener, by its name."""
    found: dict[str, list[str]] = {}
    for key in settings.values:
        name = listener_of(key)
        if name is not None:
            found.setdefault(name, []).append(key)
    return found


def _usual(key: str, usual: SettingsInForce) -> str | None:
    """Return what a setting is where nobody chose; of any listener what it is of the usual one."""
    if listener_of(key) is None:
        return usual.values.get(key)
    last = key.rpartition(".")[2]
    return next(
        (
            value
            for one, value in usual.values.items()
            if listener_of(one) is not None and one.rpartition(".")[2] == last
        ),
        None,
    )


def _chosen(
    settings: SettingsInForce, usual: SettingsInForce, keys: Iterable[str]
) -> Iterator[Difference]:
    for key in keys:
        value = settings.values[key]
        if value != _usual(key, usual):
            hidden = key in settings.hidden
            yield Difference(key, None, None if hidden else shortened(value))


def _turned(one: Difference) -> Difference:
    return attrs.evolve(one, old=one.new, new=one.old)
