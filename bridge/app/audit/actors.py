"""Finds out who gives an order on this machine, by number and by name."""

import os
import pwd
from collections.abc import Mapping

from bridge.control import ASKER_UID
from bridge.storage.audit import Actor

SUDO_UID = "SUDO_UID"
"""Where sudo says who called it (sudo(8), section ENVIRONMENT); who may write our database may also lie here."""


SUDO = "sudo_uid"
"""Under which a command introduces who called it."""


def actor_here(environ: Mapping[str, str]) -> Actor:
    """Return whose process this is, and who stands behind it by sudo."""
    return _actor(os.getuid(), _number(environ.get(SUDO_UID, "")))


def introduction(environ: Mapping[str, str]) -> dict[str, int]:
    """Return what a command tells a running bridge of who stands behind it; its own uid the kernel tells."""
    sudo_uid = _number(environ.get(SUDO_UID, ""))
    return {} if sudo_uid is None else {SUDO: sudo_uid}


def actor_asking(request: Mapping[str, object]) -> Actor:
    """Return who sent a request to a running bridge."""
    uid, sudo_uid = request[ASKER_UID], request.get(SUDO)
    return _actor(int(str(uid)), _number(str(sudo_uid)))


def _actor(uid: int, sudo_uid: int | None) -> Actor:
    if sudo_uid is None or sudo_uid == uid:
        return Actor(uid, _name(uid))
    return Actor(uid, _name(uid), sudo_uid, _name(sudo_uid))


def _number(text: str) -> int | None:
    return (
        int(text)
        if text.isascii() and text.isdecimal() and len(text) <= len(str(1 << 32))
        else None
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return "unknown"
