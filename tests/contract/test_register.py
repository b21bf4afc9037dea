"""What every register owes its callers (bridge/storage/register.py), asked of each engine alike."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import attrs
import pytest

from bridge.errors import RegisterError, SpoolUnavailable
from bridge.names import AccountName, DeviceName, MaildropName
from bridge.shaping.wish import Deliver, Wish
from bridge.storage.register import (
    Account,
    Device,
    Disabled,
    MaildropRecord,
    Register,
    RegisterSnapshot,
    WhyDisabled,
)
from providers.contract import Disposition, FolderName
from tests.contract.storage_harness import (
    FAX,
    OFFICE,
    PANEL,
    PRINTER,
    STORAGES,
    StorageUnderTest,
    account,
    deliver,
    device,
    maildrop,
)

NOBODY = DeviceName("nobody")


@pytest.fixture(params=STORAGES)
async def storage(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[StorageUnderTest]:
    under_test = STORAGES[request.param](tmp_path)
    yield under_test
    under_test.close()


@pytest.fixture
async def filled(storage: StorageUnderTest) -> StorageUnderTest:
    """An account with two maildrops, and one device on the first."""
    await storage.register.add_account(account())
    await storage.register.add_maildrop(maildrop(PRINTER))
    await storage.register.add_maildrop(maildrop(FAX))
    await storage.register.add_device(device(PANEL, aliases=("Panel@Example.org",)))
    return storage


async def snapshot(storage: StorageUnderTest) -> RegisterSnapshot:
    return await storage.register.snapshot()


async def test_a_new_register_is_empty(storage: StorageUnderTest) -> None:
    assert await snapshot(storage) == RegisterSnapshot((), (), ())


async def test_everything_is_kept_as_it_was_given(storage: StorageUnderTest) -> None:
    owner = Account(AccountName("a"), "folder", {"path": "/mäil\u00a0x", "other": ""})
    drop = MaildropRecord(
        MaildropName("d"),
        owner.name,
        FolderName("In/Box ü"),
        Disposition.parse("move:Prin:ted"),
        wish=Wish(Deliver.COMMAND),
    )
    panel = Device(
        DeviceName("Panel"),
        drop.name,
        "$argon2id$x",
        ("Z@example.org", "DOM\\user"),
        ("10.0.0.0/8", "::1/128"),
        b"\x00\xffsealed",
        "star",
        {"top": "off"},
        100.5,
        200.5,
        login_delay=60,
    )
    await storage.register.add_account(owner)
    await storage.register.add_maildrop(drop)
    await storage.register.add_device(panel)
    expected = RegisterSnapshot((owner,), (drop,), (panel,))
    assert await snapshot(storage) == expected
    storage.crash()
    assert await snapshot(storage) == expected


async def test_a_snapshot_is_ordered_by_name(storage: StorageUnderTest) -> None:
    for name in ("c", "a", "b"):
        await storage.register.add_account(account(AccountName(name)))
        drop = MaildropName(f"drop-{name}")
        await storage.register.add_maildrop(maildrop(drop, AccountName(name)))
        await storage.register.add_device(device(DeviceName(f"panel-{name}"), drop))
    found = await snapshot(storage)
    for names in (
        [one.name for one in found.accounts],
        [one.name for one in found.maildrops],
        [one.name for one in found.devices],
    ):
        assert names == sorted(names)
        assert len(names) == 3


async def test_a_snapshot_does_not_change_afterwards(filled: StorageUnderTest) -> None:
    before = await snapshot(filled)
    await filled.register.remove_device(PANEL)
    assert [one.name for one in before.devices] == [PANEL]


Change = Callable[[Register], Awaitable[None]]

REFUSALS: dict[str, Change] = {
    "an account whose name is taken": lambda r: r.add_account(account()),
    "a maildrop whose name is taken": lambda r: r.add_maildrop(maildrop()),
    "a maildrop of no account": lambda r: r.add_maildrop(
        maildrop(MaildropName("new"), AccountName("nowhere"))
    ),
    "a device whose name is taken": lambda r: r.add_device(device()),
    "a device whose name is taken in other letters": lambda r: r.add_device(
        device(DeviceName("PANEL"))
    ),
    "a device named like an alias": lambda r: r.add_device(
        device(DeviceName("panel@example.ORG"))
    ),
    "an alias that is a device's name": lambda r: r.add_device(
        device(NOBODY, aliases=("pAnEl",))
    ),
    "an alias that is taken": lambda r: r.add_device(
        device(NOBODY, aliases=("free", "PANEL@example.org"))
    ),
    "an alias twice": lambda r: r.add_device(device(NOBODY, aliases=("x", "X"))),
    "a device of no maildrop": lambda r: r.add_device(device(NOBODY, MaildropName("nowhere"))),
    "a change of no device": lambda r: r.change_device(device(NOBODY)),
    "a change to no maildrop": lambda r: r.change_device(
        device(PANEL, MaildropName("nowhere"))
    ),
    "the removal of no account": lambda r: r.remove_account(AccountName("nowhere")),
    "the removal of no maildrop": lambda r: r.remove_maildrop(MaildropName("nowhere")),
    "the removal of no device": lambda r: r.remove_device(NOBODY),
    "the removal of an account in use": lambda r: r.remove_account(OFFICE),
    "the removal of a maildrop in use": lambda r: r.remove_maildrop(PRINTER),
}


@pytest.mark.parametrize("what", REFUSALS)
async def test_a_refused_change_says_why_and_changes_nothing(
    filled: StorageUnderTest, what: str
) -> None:
    before = await snapshot(filled)
    with pytest.raises(RegisterError, match=r"^[A-Z0-9].*\w.*\.$"):
        await REFUSALS[what](filled.register)
    assert await snapshot(filled) == before
    filled.crash()
    assert await snapshot(filled) == before


async def test_a_change_to_an_alias_that_is_taken_leaves_the_device_as_it_was(
    filled: StorageUnderTest,
) -> None:
    await filled.register.add_device(device(NOBODY, aliases=("mine",)))
    before = await snapshot(filled)
    with pytest.raises(RegisterError):
        await filled.register.change_device(device(PANEL, aliases=("MINE",)))
    assert await snapshot(filled) == before


async def test_a_changed_device_is_replaced_whole(filled: StorageUnderTest) -> None:
    changed = attrs.evolve(
        device(PANEL, FAX), password="$scrypt$new", aliases=("b", "a"), apop_secret=b"s"
    )
    await filled.register.change_device(changed)
    filled.crash()
    assert (await snapshot(filled)).devices == (changed,)


async def only_device(storage: StorageUnderTest) -> Device:
    (found,) = (await snapshot(storage)).devices
    return found


async def test_a_device_is_disabled_once_and_durably(filled: StorageUnderTest) -> None:
    disabled = Disabled(100.5, WhyDisabled.UNSEEN)
    assert await filled.register.disable_device(PANEL, disabled)
    assert not await filled.register.disable_device(PANEL, Disabled(7.0, WhyDisabled.BY_HAND))
    assert not await filled.register.disable_device(NOBODY, disabled)
    filled.crash()
    assert (await only_device(filled)).disabled == disabled


async def test_a_device_is_enabled_durably_and_it_is_kept_when(
    filled: StorageUnderTest,
) -> None:
    assert not await filled.register.enable_device(PANEL, 1.0)
    await filled.register.disable_device(PANEL, Disabled(100.5, WhyDisabled.BY_HAND))
    assert await filled.register.enable_device(PANEL, 200.5)
    assert not await filled.register.enable_device(NOBODY, 200.5)
    filled.crash()
    found = await only_device(filled)
    assert (found.disabled, found.enabled) == (None, 200.5)


async def test_a_change_from_an_older_snapshot_neither_enables_nor_disables(
    filled: StorageUnderTest,
) -> None:
    """Another process may have read the device before it was disabled."""
    before = await only_device(filled)
    disabled = Disabled(100.5, WhyDisabled.UNSEEN)
    await filled.register.disable_device(PANEL, disabled)
    await filled.register.change_device(attrs.evolve(before, password_made=50.5, made=1.0))
    found = await only_device(filled)
    assert (found.disabled, found.password_made, found.made) == (disabled, 50.5, None)


async def test_a_device_without_a_maildrop_is_kept_and_holds_none(
    filled: StorageUnderTest,
) -> None:
    only_logs_in = device(NOBODY, None)
    await filled.register.add_device(only_logs_in)
    await filled.register.change_device(device(PANEL, None, ("panel@example.org",)))
    await filled.register.remove_maildrop(PRINTER)
    filled.crash()
    stored = {one.name: one for one in (await snapshot(filled)).devices}
    assert stored[NOBODY] == only_logs_in
    assert stored[PANEL].maildrop is None
    await filled.register.change_device(device(NOBODY, FAX))
    with pytest.raises(RegisterError, match=f"used by device {NOBODY}"):
        await filled.register.remove_maildrop(FAX)


async def test_an_alias_that_was_given_up_is_free_again(filled: StorageUnderTest) -> None:
    await filled.register.change_device(device(PANEL))
    await filled.register.add_device(device(NOBODY, aliases=("panel@example.org",)))
    assert len((await snapshot(filled)).devices) == 2


async def test_the_logins_of_a_removed_device_are_free_again(filled: StorageUnderTest) -> None:
    await filled.register.remove_device(PANEL)
    await filled.register.add_device(device(NOBODY, aliases=("Panel", "panel@example.org")))
    assert [one.name for one in (await snapshot(filled)).devices] == [NOBODY]


async def test_everything_can_be_removed_from_its_end(filled: StorageUnderTest) -> None:
    await deliver(filled, "a")
    await filled.register.remove_device(PANEL)
    for drop in (PRINTER, FAX):
        await filled.register.remove_maildrop(drop)
    await filled.register.remove_account(OFFICE)
    filled.crash()
    assert await snapshot(filled) == RegisterSnapshot((), (), ())


async def test_a_maildrop_with_promised_deletions_stays_until_they_are_kept(
    filled: StorageUnderTest,
) -> None:
    await filled.register.remove_device(PANEL)
    spool_id = await deliver(filled, "a")
    await filled.spool.expunge(PRINTER, [spool_id])
    with pytest.raises(RegisterError, match="1 deletions"):
        await filled.register.remove_maildrop(PRINTER)
    await filled.spool.disposed([spool_id])
    await filled.register.remove_maildrop(PRINTER)
    assert [one.name for one in (await snapshot(filled)).maildrops] == [FAX]


async def test_a_maildrop_made_anew_remembers_nothing_of_the_old_one(
    filled: StorageUnderTest,
) -> None:
    await filled.register.remove_device(PANEL)
    spool_id = await deliver(filled, "a")
    await filled.spool.expunge(PRINTER, [spool_id])
    await filled.spool.disposed([spool_id])
    await filled.register.remove_maildrop(PRINTER)
    await filled.register.add_maildrop(maildrop(PRINTER))
    assert await filled.spool.known(PRINTER) == {}
    assert await filled.spool.cursor(PRINTER) is None


async def test_a_change_that_cannot_be_stored_is_not_made(filled: StorageUnderTest) -> None:
    before = await snapshot(filled)
    await filled.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await filled.register.remove_device(PANEL)
    filled.crash()
    assert await snapshot(filled) == before


def test_a_device_does_not_show_its_secrets() -> None:
    shown = repr(attrs.evolve(device(), apop_secret=b"sealed-apop"))
    assert "scrypt" not in shown
    assert "sealed-apop" not in shown
