"""Writes down which settings the running bridge obeys, and what of them changed since it last ran.

An edit of config.toml is an entry of the audit log once it counts: when a bridge starts with it.
"""

import hmac

from bridge.clock import Clock
from bridge.config import Config, settings_by_key
from bridge.errors import SpoolUnavailable
from bridge.logs import EventLog
from bridge.storage.audit import AuditEvent
from bridge.storage.settings import SettingsInForce, SettingsStore


async def note_settings(
    config: Config, store: SettingsStore, digest_key: bytes, clock: Clock, log: EventLog
) -> None:
    """Write down durably what is in force; where that cannot be, devices are served all the same."""
    now, usual = (settings_in_force(one, digest_key) for one in (config, Config()))
    try:
        await store.put_in_force(now, usual, clock.now())
    except SpoolUnavailable as error:
        log.warning("not-written-down", change=AuditEvent.SETTING_CHANGED.value, why=str(error))


def settings_in_force(config: Config, digest_key: bytes) -> SettingsInForce:
    """Return the settings as they are kept: what is secret by a digest that tells nothing without the key."""
    settings = settings_by_key(config)
    values = {
        key: _digest(one.text, digest_key) if one.is_secret else one.text
        for key, one in settings.items()
    }
    return SettingsInForce(
        values, frozenset(key for key, one in settings.items() if one.is_secret)
    )


def _digest(text: str, key: bytes) -> str:
    return hmac.digest(key, text.encode("utf-8", "surrogateescape"), "sha256").hex()
