"""What is well, busy or not is told part by part, and the asking leaves nothing behind."""

import asyncio
import ipaddress
import shutil
import socket
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from bridge.accounts.probe import ProbeLogin
from bridge.app.health import wellness as health_module
from bridge.app.health.selflogin import Door, Turned, visit
from bridge.app.health.wellness import Part, Wellness
from bridge.config import ListenerConfig
from bridge.storage.sqlite.bodies import THREADS, Bodies
from bridge.throttle.caps import ConnectionCaps
from bridge.vault import passwords
from bridge.vault.seal import BodySeal
from tests.contract.storage_harness import KEY
from tests.unit.app.doors import here, house
from tests.unit.tls.garbled import GARBLINGS, Garbling, garble

ELSEWHERE = (ipaddress.ip_network("203.0.113.0/24"),)
ELSEWHERE6 = (ipaddress.ip_network("2001:db8::/32"),)


def told(parts: Sequence[Part]) -> dict[str, Wellness]:
    return {part.name: part.state for part in parts}


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_a_bridge_that_is_well_says_so_of_every_part(
    tmp_path: Path, certificates: Path, tls: str
) -> None:
    async with house(tmp_path, certificates, here(name="door", tls=tls)) as made:
        parts = await made.health.examine()
    assert told(parts) == {
        "login at door": Wellness.OK,
        "certificate": Wellness.OK,
        "database": Wellness.OK,
        "disk": Wellness.OK,
    }
    assert "ends in 82" in parts[1].text


async def test_a_login_without_tls_shows_no_certificate(
    tmp_path: Path, certificates: Path
) -> None:
    plain = here(tls="none", plaintext_from=(ipaddress.ip_network("127.0.0.1/32"),))
    async with house(tmp_path, certificates, plain) as made:
        assert set(told(await made.health.examine())) == {"login at pop3s", "database", "disk"}


async def test_the_door_with_tls_from_the_first_octet_is_preferred(
    tmp_path: Path, certificates: Path
) -> None:
    doors = here(name="second", tls="starttls"), here(name="first")
    async with house(tmp_path, certificates, *doors) as made:
        assert "login at first" in told(await made.health.examine())


async def test_a_probe_leaves_no_trace(
    tmp_path: Path, certificates: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with house(tmp_path, certificates, here()) as made:
        health = made.health
        await health.examine()
        assert await made.storage.run_sql("SELECT * FROM message_event") == []
        assert made.nudged == []
    ours = [record for record in caplog.records if record.name != "asyncio"]
    assert [record.msg for record in ours if record.levelname != "DEBUG"] == ["listening"]
    assert [record.msg for record in ours if record.levelname == "DEBUG"] == ["session-closed"]
    password = health._login.password  # noqa: SLF001 - nothing else may know it
    assert all(password not in str(vars(record)) for record in caplog.records)


def own_lan_address() -> str:
    """Return an address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("198.51.100.1", 9))  # RFC 5737: nobody's; nothing is sent
        except OSError:
            pytest.skip("this machine has no way out")
        return str(asking.getsockname()[0])


async def test_a_door_for_the_lan_alone_is_tried_at_our_address_there(
    tmp_path: Path, certificates: Path
) -> None:
    lan = ipaddress.ip_network((own_lan_address(), 24), strict=False)
    door = here(bind="0.0.0.0", allow=(*ELSEWHERE6, lan))  # noqa: S104 - it admits the LAN alone
    async with house(tmp_path, certificates, door) as made:
        parts = await made.health.examine()
    assert told(parts)["login at pop3s"] is Wellness.OK
    assert own_lan_address() in parts[0].text


async def test_where_no_door_takes_logins_from_here_that_is_said_and_is_no_failure(
    tmp_path: Path, certificates: Path
) -> None:
    closed = here(allow=ELSEWHERE), here(name="plain", tls="none", plaintext_from=ELSEWHERE)
    async with house(tmp_path, certificates, *closed) as made:
        parts = await made.health.examine()
        answer = await made.health.answer({})
    assert told(parts)["login"] is Wellness.UNTRIED
    assert parts[0].text.endswith("at pop3s (`allow`), plain (`plaintext_from`)")
    assert answer["healthy"] is True


async def test_a_bridge_whose_places_are_all_taken_is_busy(
    tmp_path: Path, certificates: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path, certificates, here()) as made:
        while made.caps.admit("127.0.0.1"):
            pass
        assert told(await made.health.examine())["login at pop3s"] is Wellness.BUSY
        assert (await made.health.answer({}))["healthy"] is True
    told_of_us = [record.msg for record in caplog.records if record.levelname == "WARNING"]
    assert told_of_us == [], (
        "who knows that no place is left takes none, and is not complained of"
    )


async def test_places_that_no_device_takes_are_taken_by_strangers(
    tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "LATELY_SECONDS", -1.0)
    async with house(tmp_path, certificates, here()) as made:
        while made.caps.admit("127.0.0.1"):
            pass
        login = (await made.health.examine())[0]
    assert login.state is Wellness.FAILED
    assert "no device has logged in" in login.text
    assert not login.mended_by_restart


class Filling(ConnectionCaps):
    """Caps whose last place somebody takes right after it was seen to be free."""

    def has_room(self, key: str) -> bool:
        has_room = super().has_room(key)
        self._count = self.total
        return has_room


async def test_a_bridge_whose_last_place_was_taken_meanwhile_is_busy(
    tmp_path: Path, certificates: Path
) -> None:
    async with house(tmp_path, certificates, here(), caps=Filling(1, 1)) as made:
        assert told(await made.health.examine())["login at pop3s"] is Wellness.BUSY


async def test_a_certificate_that_has_ended_is_told_and_no_restart_mends_it(
    tmp_path: Path, ended_certificates: Path
) -> None:
    async with house(tmp_path, ended_certificates, here()) as made:
        parts = await made.health.examine()
        answer = await made.health.answer({})
    assert told(parts)["login at pop3s"] is Wellness.OK
    assert told(parts)["certificate"] is Wellness.FAILED
    assert [part.name for part in parts if not part.mended_by_restart] == ["certificate"]
    assert "ended on 2022-" in parts[1].text
    assert answer["healthy"] is False


@attrs.frozen
class Behind:
    """A listener behind which nobody is, or somebody else."""

    config: ListenerConfig
    port: int


async def test_a_door_that_nobody_answers_is_dead(
    tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "PROBE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        async with house(tmp_path, certificates) as made:
            made.listeners.append(Behind(here(name="deaf"), deaf.getsockname()[1]))
            parts = await made.health.examine()
    assert told(parts)["login at deaf"] is Wellness.FAILED
    assert told(parts)["database"] is Wellness.OK
    assert "no answer within" in parts[0].text


async def test_a_door_that_is_shut_in_our_face_is_dead(
    tmp_path: Path, certificates: Path
) -> None:
    async def shut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+OK come in\r\n")
        await reader.readline()
        writer.write(b"+OK begin TLS\r\n")
        writer.close()

    server = await asyncio.start_server(shut, "127.0.0.1", 0)
    async with server, house(tmp_path, certificates) as made:
        port = server.sockets[0].getsockname()[1]
        made.listeners.append(Behind(here(name="shut", tls="starttls"), port))
        parts = await made.health.examine()
    assert told(parts)["login at shut"] is Wellness.FAILED
    assert parts[0].text == "the connection broke off"


@pytest.mark.parametrize("garbling", GARBLINGS)
async def test_a_certificate_that_we_cannot_read_is_told_and_no_restart_mends_it(
    tmp_path: Path, certificates: Path, garbling: Garbling
) -> None:
    served = shutil.copytree(certificates, tmp_path / "garbled")
    for path in served.glob("server-*.pem"):
        garble(path, garbling)
    async with house(tmp_path, served, here()) as made:
        login, part, *_ = await made.health.examine()
    assert login.state is Wellness.OK
    assert (part.name, part.state) == ("certificate", Wellness.FAILED)
    assert not part.mended_by_restart


async def test_a_port_at_which_nobody_listens_is_dead(
    tmp_path: Path, certificates: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    async with house(tmp_path, certificates) as made:
        made.listeners.append(Behind(here(name="gone"), port))
        parts = await made.health.examine()
        answer = await made.health.answer({})
    assert told(parts)["login at gone"] is Wellness.FAILED
    assert "Errno" not in parts[0].text
    assert answer["healthy"] is False


async def test_a_database_that_another_process_holds_is_told(
    tmp_path: Path, certificates: Path
) -> None:
    async with house(tmp_path, certificates, here()) as made:
        await made.storage.database.read(
            lambda db: db.execute("PRAGMA busy_timeout = 1").fetchall()
        )
        path = made.storage.folder / "popbridge.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            parts = await made.health.examine()
        healthy = (await made.health.answer({}))["healthy"]
    assert told(parts)["login at pop3s"] is Wellness.OK
    assert told(parts)["database"] is Wellness.FAILED
    assert "locked" in parts[-2].text
    assert not parts[-2].mended_by_restart
    assert healthy is True


def take_no_row(action: int, *_about: object) -> int:
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_INSERT else sqlite3.SQLITE_OK


async def test_a_database_that_takes_no_row_is_told_and_no_restart_mends_it(
    tmp_path: Path, certificates: Path
) -> None:
    """An empty transaction would go through, on a full disk too."""
    async with house(tmp_path, certificates, here()) as made:
        await made.storage.database.read(lambda db: db.set_authorizer(take_no_row))
        await made.storage.database.write(lambda _database: None)
        database = (await made.health.examine())[-2]
    assert (database.name, database.state) == ("database", Wellness.FAILED)
    assert not database.mended_by_restart


async def test_each_probe_of_the_database_changes_one_row(
    tmp_path: Path, certificates: Path
) -> None:
    """What is the same is not written, and shows nothing of a full disk."""
    rows = []
    async with house(tmp_path, certificates, here()) as made:
        for _ in range(2):
            await made.health.examine()
            rows += await made.storage.run_sql("SELECT value FROM meta WHERE key = 'probe'")
    assert len(rows) == len(set(rows)) == 2


@pytest.mark.parametrize(
    ("answers", "state"), [(1, Wellness.BUSY), (0, Wellness.FAILED)], ids=["slow", "dead"]
)
async def test_a_database_that_answers_others_is_busy_and_one_that_answers_nobody_dead(
    tmp_path: Path,
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: int,
    state: Wellness,
) -> None:
    """Where a lock is held elsewhere, each who writes waits his time, and the next after him."""
    monkeypatch.setattr(health_module, "PROBE_SECONDS", 1.0)
    first, rest = threading.Event(), threading.Event()
    async with house(tmp_path, certificates, here()) as made, asyncio.TaskGroup() as group:
        for event in (first, rest):
            group.create_task(made.storage.database.read(lambda _db, event=event: event.wait()))
        if answers:
            asyncio.get_running_loop().call_later(0.2, first.set)
        database = (await made.health.examine())[-2]
        first.set()
        rest.set()
    assert (database.name, database.state) == ("database", state)
    assert database.mended_by_restart


class NoRoom:
    """Argon2id where there is no memory for it."""

    @staticmethod
    def verify_phc_encoded(_octets: bytes, _text: str) -> None:
        raise MemoryError


async def test_a_bridge_without_memory_for_a_hash_is_not_well_and_tells_devices_to_come_again(
    tmp_path: Path,
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(passwords, "Argon2id", NoRoom)
    async with house(tmp_path, certificates, here()) as made:
        login = (await made.health.examine())[0]
        door = Door("door", "127.0.0.1", made.listeners[0].port, "implicit")
        with pytest.raises(Turned, match=r"PASS was -ERR \[SYS/TEMP\]"):
            await visit(door, ProbeLogin())  # a stranger to it, as any device
    assert login.state is Wellness.FAILED
    assert "SYS/TEMP" in login.text
    refused = [
        vars(one)["event_fields"] for one in caplog.records if one.msg == "login-refused"
    ]
    assert [fields["why"] for fields in refused] == ["MemoryError"] * 2


async def test_a_database_that_answers_nothing_leaves_the_login_well(
    tmp_path: Path, certificates: Path
) -> None:
    async with house(tmp_path, certificates, here()) as made:
        await made.storage.refuse_everything()
        parts = told(await made.health.examine())
    assert parts["login at pop3s"] is Wellness.OK
    assert parts["database"] is Wellness.FAILED


async def test_a_disk_that_is_nearly_full_is_told_and_no_restart_mends_it(
    tmp_path: Path, certificates: Path
) -> None:
    async with house(tmp_path, certificates, here()) as made:
        made.storage.bodies.close()
        made.storage.bodies = Bodies(tmp_path, BodySeal(KEY), minimum_free=1 << 60)
        disk = (await made.health.examine())[-1]
    assert (disk.name, disk.state) == ("disk", Wellness.FAILED)
    assert "nearly full" in disk.text
    assert not disk.mended_by_restart


async def test_a_folder_of_bodies_that_went_away_is_told(
    tmp_path: Path, certificates: Path
) -> None:
    async with house(tmp_path, certificates, here()) as made:
        (made.storage.folder / "bodies").rename(tmp_path / "aside")
        disk = (await made.health.examine())[-1]
    assert disk.state is Wellness.FAILED
    assert "No such file or directory" in disk.text


async def test_a_disk_that_hangs_is_told_and_the_login_is_well(
    tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "PROBE_SECONDS", 1.0)
    over = threading.Event()
    async with house(tmp_path, certificates, here()) as made, asyncio.TaskGroup() as group:
        for _ in range(THREADS):
            group.create_task(made.storage.bodies._in_thread(over.wait))  # noqa: SLF001 - as a disk would
        parts = await made.health.examine()
        over.set()
    assert told(parts)["login at pop3s"] is Wellness.OK
    assert "no answer within" in parts[-1].text
    assert parts[-1].mended_by_restart


async def test_two_who_ask_at_once_are_both_answered(
    tmp_path: Path, certificates: Path
) -> None:
    async with house(tmp_path, certificates, here()) as made:
        health = made.health
        both = await asyncio.gather(health.examine(), health.examine())
    assert [set(told(parts).values()) for parts in both] == [{Wellness.OK}] * 2
