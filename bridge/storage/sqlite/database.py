"""One SQLite connection in one thread: opening, schema versions, transactions that are durable.

Every statement of a process runs in that thread, in the order it was asked for. `synchronous=FULL`
makes each commit wait for the disk, so what a caller was told survives a power cut.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import TypeVar

from bridge.errors import SpoolUnavailable, StateError

T = TypeVar("T")

BUSY_MILLISECONDS = 5000
"""How long a statement waits for another process (the command line) to finish its transaction."""


class Database:
    """The open database; create with `open_database`."""

    def __init__(self, connection: sqlite3.Connection, executor: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._executor = executor
        self.answered = 0
        """How often its thread has come to an end of something, good or bad."""

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` returns, run in the database's thread.

        Raises:
            SpoolUnavailable: the database cannot answer now.
        """
        return await self._run(lambda: work(self._connection))

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` returns, run as one transaction that is durable on return.

        It must not return anything of sqlite3: a cursor that is freed in another thread resets its
        statement while this one may be using it.

        Cancelling the caller does not undo it: the transaction ends whole, one way or the other.

        Raises:
            SpoolUnavailable: nothing was changed.
        """
        return await self._run(lambda: self._transact(work))

    async def verify(self) -> None:
        """Promise that the whole file can be read and belongs together; half a second for 100 MiB.

        Raises:
            StateError: it is damaged.
        """
        try:
            [(found,)] = await self.read(
                lambda db: db.execute("PRAGMA quick_check(1)").fetchall()
            )
        except SpoolUnavailable as error:
            found = str(error)
        if found != "ok":
            raise StateError(
                f"The spool is damaged ({found.splitlines()[-1]}): move the state folder away"
                " and put a backup in its place with `popbridge restore`."
            )

    def close(self) -> None:
        """Finish what is under way and close; the write-ahead log is folded in."""
        self._executor.submit(self._connection.close).result()
        self._executor.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        def count() -> T:
            try:
                return work()
            finally:
                self.answered += 1

        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, count)
        except sqlite3.IntegrityError:
            raise  # a fault of ours, which a constraint has stopped
        except sqlite3.DatabaseError as error:
            raise SpoolUnavailable(f"the database cannot answer: {error}") from error

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            # A failed COMMIT (disk full) may have ended the transaction already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return result


def open_database(path: Path, *, create: bool = False) -> Database:
    """Open the database at `path` and bring its schema up to date.

    Raises:
        StateError: there is none, it is no database of ours, or a newer popbridge wrote it.
    """
    if not create and not path.exists():
        raise StateError(f"There is no spool at {path}; run `popbridge init` first.")
    refuse_stray_log(path)
    executor = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
    try:
        connection = executor.submit(_connect, path).result()
    except (sqlite3.Error, OSError) as error:
        executor.shutdown()
        why = error.strerror if isinstance(error, OSError) else error
        raise StateError(
            f"The spool {path} cannot be opened: {why}; check the disk and its free space."
        ) from error
    except StateError:
        executor.shutdown()
        raise
    return Database(connection, executor)


def refuse_stray_log(path: Path) -> None:
    """Promise that no write-ahead log lies where its database is missing: SQLite would play it into the next one.

    Raises:
        StateError: one does.
    """
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and not path.exists():
        raise StateError(
            f"{log} lies there without its database: put {path.name} back, or move the whole"
            " state folder away. Nothing was changed."
        )


def schema_scripts() -> list[str]:
    """Return the numbered SQL, oldest first; script n leads from version n-1 to n."""
    folder = resources.files("bridge.storage.sqlite") / "schema"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_text("utf-8") for name in names]


def _connect(path: Path) -> sqlite3.Connection:
    if not path.exists():
        path.touch(0o600)
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MILLISECONDS / 1000)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA trusted_schema = OFF")
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up, each version in a transaction of its own; refuse a newer one untouched."""
    scripts = schema_scripts()
    version = _schema_version(connection, path)
    if version > len(scripts):
        raise StateError(
            f"The spool {path} was written by a newer popbridge (schema {version}, this one knows"
            f" {len(scripts)}); install that version again, nothing was changed."
        )
    connection.execute("PRAGMA journal_mode = WAL")
    for number, script in enumerate(scripts[version:], version + 1):
        _step_up(connection, number, script)


def _step_up(connection: sqlite3.Connection, number: int, script: str) -> None:
    """Lead from version number-1 to number, unless another process that starts now has done it."""
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < number:
        for statement in _statements(script):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; a trigger's inner semicolons do not end it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _schema_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema's version; 0 is an empty database.

    Raises:
        StateError: it is somebody else's database.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if version < 0 or (version == 0 and tables):
        raise StateError(
            f"{path} is a database, but not one of popbridge; move it away and run"
            " `popbridge init`."
        )
    return int(version)
