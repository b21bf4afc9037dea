"""A test page is made as its maildrop's owner wishes, or not at all, and what stands in its way is said."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from bridge.admission import Admission
from bridge.app.admin.testpages import Delivered, PageDesk, PageOrder, bridge_name, read_order
from bridge.config import Config
from bridge.config.settings import TlsConfig
from bridge.errors import OwnerError, RegisterError, SpoolUnavailable
from bridge.names import DeviceName, MaildropName
from bridge.shaper.processes import Bounds, ShapingProcesses
from bridge.shaper.rlimits import Limits
from bridge.shaping.wish import Deliver, Oversize, Wish
from bridge.storage.register import (
    Account,
    Device,
    Disabled,
    MaildropRecord,
    OnOutage,
    RegisterSnapshot,
    WhyDisabled,
)
from bridge.testpage.page import Kind
from tests.contract.storage_harness import (
    PANEL,
    PRINTER,
    SqliteUnderTest,
    account,
    device,
    fill,
    listed,
    maildrop,
    states,
)
from tests.fakes.clock import FakeClock

BOUNDS = Bounds(1, Limits(20, 1 << 29), 60.0, 1 << 22)
NOBODY_HOME = (sys.executable, "-c", "")


@attrs.define
class Office:
    """A maildrop as its owner chose it, with devices, over a spool of a test's own."""

    storage: SqliteUnderTest
    record: MaildropRecord = attrs.field(factory=maildrop)
    devices: tuple[Device, ...] = (device(),)
    failing: bool = False
    shaping: ShapingProcesses = attrs.field(factory=lambda: ShapingProcesses(BOUNDS))

    async def make(self, kind: Kind | None = None, sender: str = "") -> Delivered:
        accounts: tuple[Account, ...] = (account(),)
        snapshot = RegisterSnapshot(accounts, (self.record,), self.devices)
        desk = PageDesk(
            self.storage.spool,
            lambda: snapshot,
            FakeClock(),
            "popbridge.lan",
            self.shaping,
            lambda _account: self.failing,
        )
        return await desk.deliver(PageOrder(PRINTER, kind, sender))


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    storage = SqliteUnderTest(tmp_path)
    await fill(storage)
    yield Office(storage)
    storage.close()


async def test_it_is_a_text_from_the_bridge_where_nothing_is_chosen(office: Office) -> None:
    made = await office.make()
    assert (made.kind, made.sender) == (Kind.TEXT, "popbridge@popbridge.lan")
    assert (made.warnings, made.polls) == ((), {PANEL: ""})
    assert await listed(office.storage) == [made.message]


async def test_each_has_a_unique_id_of_its_own(office: Office) -> None:
    for _ in range(2):
        await office.make()
    first, second = (await office.storage.spool.listing(PRINTER)).entries
    assert first.unique_id != second.unique_id
    assert first.unique_id[0] == second.unique_id[0] == "1"


async def test_it_says_how_often_machines_of_a_profile_come(office: Office) -> None:
    fax = attrs.evolve(device(DeviceName("fax")), profile="ricoh-ifax")
    odd = attrs.evolve(device(DeviceName("odd")), profile="of another release")
    other = attrs.evolve(device(DeviceName("other")), maildrop=MaildropName("elsewhere"))
    office.devices = (fax, odd, other)
    assert (await office.make()).polls == {"fax": "2 to 1440 minutes", "odd": ""}


async def test_a_disabled_device_is_named(office: Office) -> None:
    office.devices = (attrs.evolve(device(), disabled=Disabled(1.0, WhyDisabled.UNSEEN)),)
    made = await office.make()
    assert made.polls == {}
    assert made.warnings == ("Device panel is disabled; run `popbridge device enable panel`.",)


@pytest.mark.parametrize(
    ("admission", "sender", "why"),
    [
        (Admission(allow=("example.com",)), "", "not among the allowed ones"),
        (Admission(deny=("a@example.com",)), "A@Example.com", "its sender is denied"),
        (Admission(allow=("example.com",)), "a@example.com", ""),
    ],
)
async def test_a_sender_whose_mail_would_be_held_is_told(
    office: Office, admission: Admission, sender: str, why: str
) -> None:
    office.record = attrs.evolve(office.record, admission=admission)
    made = await office.make(sender=sender)
    assert [why in warning for warning in made.warnings] == [True] * bool(why)
    assert await listed(office.storage) == [made.message]


@pytest.mark.parametrize("on_outage", OnOutage)
async def test_an_outage_is_told_where_it_hides_the_page(
    office: Office, on_outage: OnOutage
) -> None:
    office.failing = True
    office.record = attrs.evolve(office.record, on_outage=on_outage)
    made = await office.make()
    assert bool(made.warnings) == (on_outage is not OnOutage.SERVE)


async def test_a_page_above_the_ceiling_is_refused_and_leaves_nothing(office: Office) -> None:
    office.record = attrs.evolve(office.record, ceiling=100)
    with pytest.raises(
        OwnerError, match=r"no room in maildrop printer: .* Nothing was changed"
    ):
        await office.make()
    assert await states(office.storage) == {}
    assert office.storage.body_files() == []


async def test_what_is_made_of_a_page_counts_toward_the_ceiling(office: Office) -> None:
    octets = (await office.make()).octets
    wish = Wish(deliver=Deliver.TEXT)
    for ceiling, fits in ((2 * octets + 100, False), (4 * octets, True)):
        office.record = attrs.evolve(office.record, wish=wish, ceiling=ceiling)
        if fits:
            await office.make()
        else:
            with pytest.raises(OwnerError, match="no room"):
                await office.make()
    assert len(await listed(office.storage)) == 2
    assert len(office.storage.body_files()) == 3  # the second with its original


@pytest.mark.parametrize("deliver", [Deliver.TEXT, Deliver.IFAX])
async def test_where_no_shaping_process_starts_no_page_is_made(
    office: Office, deliver: Deliver
) -> None:
    office.shaping = ShapingProcesses(BOUNDS, NOBODY_HOME)
    office.record = attrs.evolve(office.record, wish=Wish(deliver=deliver))
    with pytest.raises(OwnerError, match=r"cannot be shaped now: .*; nothing was changed"):
        await office.make()
    with pytest.raises(OwnerError, match=r"No TIFF can be drawn: .*; nothing was changed"):
        await office.make(Kind.TIFF)
    assert await states(office.storage) == {}
    assert office.storage.body_files() == []


async def test_without_the_extra_no_tiff_is_made(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(OwnerError, match=r"drawn by Pillow: install popbridge\[ifax\], or"):
        await office.make(Kind.TIFF)
    assert await states(office.storage) == {}


@pytest.mark.parametrize(
    ("oversize", "said", "state"),
    [
        (Oversize.NOTICE, "A notice stands for the page", "quarantined"),
        (Oversize.SKIP, "It is held: ", "held"),
    ],
)
async def test_a_page_that_the_device_would_not_take_becomes_what_mail_does(
    office: Office, oversize: Oversize, said: str, state: str
) -> None:
    wish = Wish(deliver=Deliver.TEXT, size_octets=200, oversize=oversize)
    office.record = attrs.evolve(office.record, wish=wish)
    (warning,) = (await office.make()).warnings
    assert said in warning
    assert list((await states(office.storage)).values()) == [state]


async def test_a_page_that_no_session_sees_yet_is_told(office: Office) -> None:
    one = Admission(at_most=1)
    await office.storage.run_sql("UPDATE maildrop SET admission = ?", (one.stored(),))
    office.record = attrs.evolve(office.record, admission=one)
    assert (await office.make()).warnings == ()
    (warning,) = (await office.make()).warnings
    assert "A session sees 1 messages at most (--at-most)" in warning


async def test_a_spool_that_takes_nothing_is_said_and_nothing_hangs(office: Office) -> None:
    await office.storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await office.make()


async def test_a_sender_that_is_none_leaves_nothing(office: Office) -> None:
    with pytest.raises(RegisterError, match="is no address"):
        await office.make(sender="nobody")
    assert await states(office.storage) == {}


@pytest.mark.parametrize("order", [PageOrder(PRINTER), PageOrder(PRINTER, Kind.PDF, "a@b")])
def test_an_order_is_read_as_it_was_given(order: PageOrder) -> None:
    assert read_order(order.values()) == order


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("10.0.0.1", "popbridge.lan", "localhost"), "popbridge.lan"),
        (("10.0.0.1", "::1"), "localhost"),
        (("localhost", "127.0.0.1", "::1"), "localhost"),
    ],
)
def test_the_bridge_goes_by_its_first_name_that_is_no_address(
    names: tuple[str, ...], name: str
) -> None:
    assert bridge_name(Config(tls=TlsConfig(names=names))) == name
