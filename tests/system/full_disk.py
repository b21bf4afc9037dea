"""One state folder on a disk that is full after so many more pages, again and again with one page more.

Runs where mounts concern nobody else (unshare(1)), and prints a JSON line for each number of pages.
What it does with a full disk is what a bridge does: it looks, deletes for a device, looks again.
"""

import ctypes
import errno
import json
import os
import shutil
import sys
from pathlib import Path

from bridge.app.state import State
from bridge.errors import PopbridgeError
from bridge.names import MaildropName
from tests.system.running_bridge import Home

DISK_OCTETS = 2 << 20
PAGE_OCTETS = 4096
OFFICE = MaildropName("office")
NAMES = ("1.eml", "2.eml", "3.eml")
ENOUGH_PAGES = 200
CALM = 3
"""So many runs in which nothing failed end the series."""


def message(name: str) -> bytes:
    return f"Subject: {name}\r\n\r\n".encode() + name.encode() * 4000 + b"\r\n"


def mount(folder: Path) -> None:
    """Put a small disk in a folder's place (mount(2)), for this process and its children alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={DISK_OCTETS},mode=700".encode()
    if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, options):
        raise OSError(ctypes.get_errno(), "no disk can be mounted")


def fill(state: Path, pages: int) -> None:
    """Leave so many pages free."""
    with (state / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(PAGE_OCTETS))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        file.truncate(max(0, file.tell() - pages * PAGE_OCTETS))


def delete(home: Home, number: int) -> bool:
    """Delete a message as QUIT does, where it is listed, and return whether that was promised."""

    async def work(state: State) -> bool:
        listing = await state.spool.listing(OFFICE)
        wanted = [entry.spool_id for entry in listing.entries if entry.spool_id == number]
        await state.spool.expunge(OFFICE, wanted)
        return bool(wanted)

    return home.offline.read(work)


def listed(home: Home) -> list[bytes]:
    """Return what a device would get, every octet opened."""

    async def work(state: State) -> list[bytes]:
        found = []
        for entry in (await state.spool.listing(OFFICE)).entries:
            body = await state.spool.open_body(entry.spool_id)
            try:
                found.append(b"".join([piece async for piece in body.pieces()]))
            finally:
                body.close()
        return found

    return home.offline.read(work)


def tried(home: Home, pages: int) -> dict[str, object]:
    """Work on a disk with so many pages left, then with room again; tell what came of it."""
    fill(home.state, pages)
    failures, promised = [], []
    for number, name in enumerate(NAMES, 1):
        try:
            home.sync()
        except (PopbridgeError, OSError) as error:
            failures.append(str(error))
        try:
            promised += [name] * delete(home, number)
        except (PopbridgeError, OSError) as error:
            failures.append(str(error))
    (home.state / "filler").unlink()
    while home.sync()["disposed"] or not settled(home):
        pass
    return {
        "pages": pages,
        "failures": failures,
        "promised": promised,
        "listed": [text.split()[1].decode() for text in listed(home)],
        "whole": all(text in map(message, NAMES) for text in listed(home)),
        "printed": sorted(path.name for path in (home.mail() / "Printed").glob("*.eml")),
        "left": sorted(path.name for path in home.state.rglob("*.part")),
    }


def settled(home: Home) -> bool:
    report = home.sync()
    return not any(report.values())


def main() -> None:
    """Run the series on the home that is named, whose state is copied anew each time."""
    home = Home(Path(sys.argv[1]), "asyncio")
    template = home.state.rename(home.folder / "template")
    home.state.mkdir()
    mount(home.state)
    calm = 0
    for pages in range(ENOUGH_PAGES):
        for path in home.state.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(template, home.state, dirs_exist_ok=True)
        shutil.rmtree(home.mail(), ignore_errors=True)
        home.mail().mkdir(parents=True)
        for name in NAMES:
            home.put(name, message(name))
        outcome = tried(home, pages)
        sys.stdout.write(json.dumps(outcome) + "\n")
        calm = 0 if outcome["failures"] else calm + 1
        if calm == CALM:
            return
    raise SystemExit("the disk never was large enough")


if __name__ == "__main__":
    os.umask(0o077)
    main()
