"""Tells whether anybody but the bridge's own user can change what lies in the state folder.

Who can write there can put another database, another CA or another control socket in the place of
ours. What others may read is no matter: each file is its owner's alone.
"""

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from bridge.app.state import Places

_WRITABLE_TO_OTHERS = 0o022
"""An access list that lets anybody else write shows in these bits too (acl(5))."""

_ROOT = 0


def open_to_others(places: Places, user: int | None = None) -> str:
    """Return what others than `user` (the user that runs this) can change, and what to do; empty where nothing.

    Root is no other. To root, neither is the owner of the database: that is whom the bridge runs as.
    """
    trusted = {_ROOT, os.geteuid() if user is None else user}
    if trusted == {_ROOT} and places.database.exists():
        trusted.add(places.database.stat().st_uid)
    for path in _parts(places):
        found = path.stat()
        if found.st_uid not in trusted:
            return (
                f"{path} belongs to user {found.st_uid}, who can change it: run popbridge as that"
                f" user, or run `chown -R` for the user that runs popbridge"
            )
        if stat.S_IMODE(found.st_mode) & _WRITABLE_TO_OTHERS:
            return (
                f"{path} can be changed by other users of this machine:"
                f" run `chmod go-w {shlex.quote(str(path))}`"
            )
    return ""


def _parts(places: Places) -> Iterator[Path]:
    """Yield what is there: the folders, and the files that others would gain by changing."""
    wanted = [places.state_dir, places.bodies, places.tls, places.database]
    if places.tls.is_dir():
        wanted += sorted(places.tls.iterdir())
    yield from (path for path in wanted if path.exists())
