"""Steps of a simulation in which a backup is made, and in which the machine is lost and the backup restored."""

import shutil

from bridge.storage.sqlite.database import open_database
from bridge.storage.sqlite.moved import begin_without_bodies, copy_database, fold_in
from tests.chaos.world import World

DATABASE = "popbridge.db"


async def back_up(world: World) -> str:
    """An admin makes a backup while everything runs; the one before is thrown away."""
    if not world.makes_backups:
        return "-"
    world.backup.unlink(missing_ok=True)
    copy_database(world.life.folder / DATABASE, world.backup)
    return ""


async def restore(world: World) -> str:
    """The machine is lost with all that is on it, and another one begins with the backup."""
    if not world.backup.exists():
        return "-"
    world.life.stop()
    folder = world.next_folder()
    folder.mkdir()
    shutil.copy(world.backup, folder / DATABASE)
    now = world.clock.now()
    opened = open_database(folder / DATABASE)
    with world.loop.unharmed():
        found = await opened.write(lambda db: begin_without_bodies(db, now, is_exact=False))
    opened.close()
    fold_in(folder / DATABASE)
    world.model.restored()
    return str(found)
