"""One machine with several functions is several devices: each its login, its way to log in, its maildrop.

Sharp MX machines print from internet fax and from e-mail as two accounts (docs/devices.md); they poll
both at once, from one address. Whatever a panel makes of a name, it is whose it is.
"""

import base64
import hashlib

import attrs
import pytest

from tests.system.pop_client import PopClient, assert_ok
from tests.system.running_bridge import PASSWORD, RunningBridge

pytestmark = pytest.mark.slow

MFP = "127.0.0.2"
"""The machine's one address; the shared bridge takes logins without TLS from it alone."""


@attrs.frozen
class Machine:
    """A machine whose internet fax logs in with APOP, and whose e-mail print with USER and PASS."""

    bridge: RunningBridge
    fax: str
    printing: str

    def apop(self, name: str, *, source: str = MFP, password: str = PASSWORD) -> PopClient:
        """Return a client that has logged in with APOP (RFC 1939 section 7), or was refused."""
        client = self.bridge.open("plain", source=source)
        greeting = assert_ok(client.line())
        secret = greeting[greeting.index(b"<") :] + password.encode()
        digest = hashlib.md5(secret, usedforsecurity=False).hexdigest()
        client.send(f"APOP {name} {digest}\r\n".encode())
        return client

    def user_pass(self, name: str, *, source: str = MFP) -> PopClient:
        client = self.bridge.connect("plain", source=source)
        client.send(f"USER {name}\r\nPASS {PASSWORD}\r\n".encode())
        assert_ok(client.line())
        return client


@pytest.fixture
def machine(shared: RunningBridge, maildrop: str) -> Machine:
    """Two maildrops, each with a message of its own, and two devices bound to one address."""
    fax, printing = f"{maildrop}-fax", f"{maildrop}-print"
    for name in (fax, printing):
        shared.home.add_maildrop(name)
        shared.home.add_device(name, name, allow=[f"{MFP}/32"], apop=name == fax)
        shared.home.put("1.eml", f"Subject: {name}\r\n\r\ntext\r\n".encode(), name)
        shared.home.sync(name)  # or the look that a new account begins with was faster
    return Machine(shared, fax, printing)


def test_its_functions_poll_at_the_same_time_from_one_address(machine: Machine) -> None:
    fax, printing = machine.apop(machine.fax), machine.user_pass(machine.printing)
    for client in (fax, printing):
        assert_ok(client.line())
    assert fax.retrieve(1).startswith(f"Subject: {machine.fax}\r\n".encode())
    assert printing.retrieve(1).startswith(f"Subject: {machine.printing}\r\n".encode())
    assert_ok(fax.command("DELE 1"))
    assert printing.command("STAT").startswith(b"+OK 1 ")
    assert_ok(fax.quit())
    assert_ok(printing.quit())
    again = machine.apop(machine.fax), machine.user_pass(machine.printing)
    assert [assert_ok(client.line()) is not None for client in again] == [True, True]
    assert [len(client.unique_ids()) for client in again] == [0, 1]
    for client in again:
        assert_ok(client.quit())


def test_each_function_has_its_own_way_to_log_in(machine: Machine) -> None:
    """A password that does for USER and PASS does for APOP only where the device was given that."""
    assert machine.apop(machine.printing).line().startswith(b"-ERR [AUTH]")
    client = machine.user_pass(machine.fax)
    assert_ok(client.line())  # APOP is taken besides, not instead
    assert_ok(client.quit())


def test_its_functions_are_known_by_name_and_not_by_address(machine: Machine) -> None:
    """Where two devices are bound to one address, the password tells which of them calls."""
    for name, other in ((machine.fax, machine.printing), (machine.printing, machine.fax)):
        client = machine.user_pass(name)
        assert_ok(client.line())
        head = client.retrieve(1)
        assert (name.encode() in head, other.encode() in head) == (True, False)
        assert_ok(client.quit())


def test_wrong_passwords_of_one_function_do_not_lock_the_other_out(
    machine: Machine,
) -> None:
    for _ in range(3):
        assert machine.apop(machine.fax, password="wrong").line().startswith(b"-ERR [AUTH]")
    client = machine.user_pass(machine.printing)
    assert_ok(client.line())
    assert_ok(client.quit())


def test_no_function_opens_from_another_address(machine: Machine) -> None:
    client = machine.bridge.connect()
    for name in (machine.fax, machine.printing):
        assert client.log_in(name, PASSWORD).startswith(b"-ERR [AUTH]")
        machine.bridge.log.wait_for("login-failed", login=name, reason="address")
    assert machine.apop(machine.fax, source="127.0.0.3").line().startswith(b"-ERR [AUTH]")


# ---- names as panels send them


def spellings(name: str, alias: str) -> list[str]:
    """Return what becomes of a device's name, and of its alias, which is a long address of mail."""
    local, _, _domain = alias.partition("@")
    return [
        name,
        name.upper(),
        f"OFFICE\\{name}",
        f"{name}@anywhere.example",
        f"  {name} ",
        alias,
        alias.upper(),
        alias[:64],
        alias[:63],
        alias[:64].upper(),
        local,
        f"OFFICE\\{local}",
    ]


def test_each_spelling_of_a_login_opens_its_device_in_every_way_to_log_in(
    shared: RunningBridge, maildrop: str
) -> None:
    name = f"{maildrop}-n"
    alias = f"{name}.third-floor@printing.{'long-' * 9}name.example.com"
    assert len(alias) > 64
    shared.home.add_device(name, None, aliases=[alias], apop=True)
    machine = Machine(shared, name, name)
    for login in spellings(name, alias):
        client = machine.user_pass(login)
        assert client.line().startswith(b"+OK"), login
        assert_ok(client.quit())
        client = shared.connect()
        message = base64.b64encode(f"\0{login}\0{PASSWORD}".encode()).decode()
        assert client.command(f"AUTH PLAIN {message}").startswith(b"+OK"), login
        assert_ok(client.quit())
        if " " not in login:  # what stands behind the first blank would be the digest
            client = machine.apop(login)
            assert client.line().startswith(b"+OK"), login
            assert_ok(client.quit())
    closed = shared.log.wait_for("session-closed", device=name)
    assert closed["maildrop"] == ""


def test_a_cut_that_two_devices_share_opens_neither(
    shared: RunningBridge, maildrop: str
) -> None:
    stem = f"{maildrop}.".ljust(64, "x")
    for end in ("a", "b"):
        shared.home.add_device(f"{maildrop}-{end}", None, aliases=[f"{stem}{end}"])
    client = shared.connect()
    assert client.log_in(stem, PASSWORD).startswith(b"-ERR [AUTH]")
    assert_ok(client.log_in(f"{stem}b", PASSWORD))
    assert_ok(client.quit())
    assert shared.log.wait_for("session-closed", device=f"{maildrop}-b")["reason"] == "quit"
