"""A power-on herd: a house full of machines is switched on at eight, and each polls at once.

Sharp MX-7001 manual p. 684: the machine polls at power-on. Each login costs a slow hash of its own, the
first after a start of the bridge; none may be turned away or find another's mail.
"""

import asyncio

import attrs
import pytest

from bridge.accounts.changes import DeviceOrder, new_device
from bridge.app.state import State
from bridge.names import MaildropName
from bridge.vault.passwords import hash_password
from tests.system.running_bridge import Home, running

HERD = 200
CLEAR = {
    "name": "plain",
    "tls": "none",
    "require_tls_for_auth": False,
    "plaintext_from": ["127.0.0.0/8"],
}


@pytest.fixture
def loop_name() -> str:
    return "asyncio"


async def add_herd(state: State) -> None:
    """Add each machine with a maildrop of its own, and a password that was hashed at its full cost."""
    [office] = (await state.register.snapshot()).maildrops
    for number in range(HERD):
        name = MaildropName(f"drop{number}")
        await state.register.add_maildrop(attrs.evolve(office, name=name))
        order = DeviceOrder(f"mfp{number}", name, (), (), apop=False)
        device = new_device(order, f"Geheim{number}", hash_password, state.secrets, 0.0)
        await state.register.add_device(device)


async def power_on(port: int, number: int) -> list[bytes]:
    """Return the first word of each answer that a machine of the herd hears."""
    address = f"127.0.1.{number + 1}"
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    heard = [await reader.readline()]
    for line in (f"USER mfp{number}", f"PASS Geheim{number}", "QUIT"):
        writer.write(line.encode() + b"\r\n")
        heard.append(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return [line.split(b" ")[0] for line in heard]


async def switched_on(port: int) -> list[list[bytes]]:
    return await asyncio.gather(*(power_on(port, number) for number in range(HERD)))


@pytest.mark.slow
def test_a_herd_that_is_switched_on_at_once_is_served_to_the_last_machine(home: Home) -> None:
    home.configure((CLEAR,))
    home.offline.read(add_herd)
    with running(home) as bridge:
        assert asyncio.run(switched_on(bridge.ports["plain"])) == [[b"+OK"] * 4] * HERD
