"""Our own certificates are renewed in time, and what lies there is what is served."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import logs
from bridge.app.upkeep.certificates import Certificates
from bridge.config import Config, TlsConfig
from bridge.storage.audit import THE_BRIDGE, Wanted
from bridge.storage.sqlite.audit import SqliteAuditLog
from bridge.storage.sqlite.database import Database, open_database
from bridge.tls.contexts import TlsContexts
from bridge.tls.issuer import describe_certificates, server_certificate_files
from tests.fakes.clock import FakeClock


@pytest.fixture
def state_dir(tmp_path: Path, certificates: Path) -> Path:
    shutil.copytree(certificates, tmp_path / "tls")
    return tmp_path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "popbridge.db", create=True)
    yield opened
    opened.close()


def end(state_dir: Path) -> dt.datetime:
    return describe_certificates(state_dir / "tls/server-rsa.pem")[0].not_after


def keeper(state_dir: Path, now: dt.datetime, database: Database) -> Certificates:
    contexts = TlsContexts(server_certificate_files(state_dir / "tls"))
    config = Config(state_dir=state_dir, tls=TlsConfig(names=("localhost",)))
    clock = FakeClock(now.timestamp())
    return Certificates(config, contexts, SqliteAuditLog(database), clock, logs.get("bridge"))


async def told(database: Database) -> list[str]:
    entries = await SqliteAuditLog(database).entries(Wanted(100))
    assert {entry.actor for entry in entries} <= {THE_BRIDGE}
    return [entry.event for entry in entries]


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.msg for record in caplog.records]


@pytest.mark.parametrize("days", [29, -1])
async def test_a_certificate_of_ours_is_renewed_a_month_before_its_end(
    state_dir: Path, database: Database, caplog: pytest.LogCaptureFixture, days: int
) -> None:
    caplog.set_level("INFO")
    before = end(state_dir)
    made = keeper(state_dir, before - dt.timedelta(days=days), database)
    await made.renew_if_due()
    made.reload()
    assert end(state_dir) > before
    assert events(caplog) == ["certificates-renewed", "certificates-reloaded"]
    assert await told(database) == ["certificates-begun", "certificates-issued"]


async def test_a_certificate_that_is_good_for_longer_is_left_alone(
    state_dir: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before = end(state_dir)
    made = keeper(state_dir, before - dt.timedelta(days=31), database)
    await made.renew_if_due()
    made.reload()
    assert end(state_dir) == before
    assert events(caplog) == []


async def test_a_renewal_that_fails_keeps_what_is_served(
    state_dir: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before = end(state_dir)
    made = keeper(state_dir, before, database)
    (state_dir / "tls/ca.key").unlink()
    await made.renew_if_due()
    made.reload()
    assert end(state_dir) == before
    assert events(caplog) == ["renewal-failed"]
    await made.renew_if_due()
    assert await told(database) == ["certificates-begun"]


async def test_a_renewal_that_cannot_be_written_down_is_done(
    state_dir: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before = end(state_dir)
    await database.read(lambda db: db.execute("PRAGMA query_only = ON").fetchall())
    await keeper(state_dir, before, database).renew_if_due()
    assert end(state_dir) > before
    assert "not-written-down" in events(caplog)


def test_files_that_became_bad_are_told_once_and_not_served(
    state_dir: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    made = keeper(state_dir, end(state_dir), database)
    (state_dir / "tls/server-rsa.pem").write_text("nonsense", "ascii")
    made.reload()
    made.reload()
    assert events(caplog) == ["certificates-kept"]
