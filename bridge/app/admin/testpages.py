"""Puts a test page into a maildrop, so that an admin sees the whole way from the bridge to paper without a mail.

It is done in the process that serves the state folder. The page needs nothing of the mailbox: an account that
has lost its grant is no hindrance, and nobody who may print is asked.
"""

import ipaddress
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress

import attrs

from bridge.accounts.changes import find_maildrop
from bridge.admission import sender_refusal
from bridge.app.accounts.workers import shaping_processes
from bridge.app.admin.offline import Offline
from bridge.app.audit.actors import actor_here, introduction
from bridge.app.state import State, sole_server
from bridge.clock import Clock, SystemClock
from bridge.config import Config
from bridge.control import Values, ask
from bridge.devices.profiles import shipped_profiles
from bridge.errors import CeilingReached, OwnerError, ShaperUnavailable, SpoolUnavailable
from bridge.names import AccountName, MaildropName, SpoolId
from bridge.shaper.processes import ShapingProcesses
from bridge.shaping.errors import Unshapeable
from bridge.shaping.fax import missing_libraries
from bridge.shaping.wish import Deliver, FaxText, Wish
from bridge.storage.audit import THE_BRIDGE, Actor
from bridge.storage.messages import Delivery
from bridge.storage.ports import Spool
from bridge.storage.register import Device, MaildropRecord, OnOutage, RegisterSnapshot
from bridge.sync.maildropshaper import MaildropShaper
from bridge.sync.plan import mint_unique_id
from bridge.sync.room import Room
from bridge.testpage.mail import mail
from bridge.testpage.page import Kind, Page, usual_kind
from providers.contract import RemoteId

TEST_MESSAGE = "test-message"
"""The order, as the command line gives it to a running bridge."""

_A_FAX = Wish(deliver=Deliver.IFAX, fax_text=FaxText.DROP)


@attrs.frozen
class PageOrder:
    """What an admin asks for; without a kind the maildrop's usual one, without a sender the bridge's own."""

    maildrop: MaildropName
    kind: Kind | None = None
    sender: str = ""

    def values(self) -> Values:
        """Return what `read_order` turns back into this."""
        return {"maildrop": self.maildrop, "kind": self.kind, "sender": self.sender}


def read_order(values: Values) -> PageOrder:
    """Return the order that a command line gives."""
    kind = values.get("kind")
    return PageOrder(
        MaildropName(str(values["maildrop"])),
        Kind(kind) if kind is not None else None,
        str(values.get("sender", "")),
    )


@attrs.frozen
class Delivered:
    """A test page in its maildrop: what it is, what came of it, and what an admin should know of its way.

    `polls` says of each device that may log in how often machines of its kind come, where that is known.
    """

    message: SpoolId
    maildrop: MaildropName
    kind: Kind
    sender: str
    octets: int
    polls: dict[str, str]
    warnings: tuple[str, ...]


@attrs.frozen
class PageDesk:
    """Makes test pages for `actor`; `bridge` is the name that the bridge goes by."""

    spool: Spool
    register: Callable[[], RegisterSnapshot]
    clock: Clock
    bridge: str
    shaping: ShapingProcesses
    is_failing: Callable[[AccountName], bool]
    actor: Actor = THE_BRIDGE

    async def deliver(self, order: PageOrder) -> Delivered:
        """Put a page into its maildrop, durably, as mail comes there; say what it is and what to know of it.

        Raises:
            OwnerError: it cannot be; nothing was changed.
        """
        snapshot = self.register()
        drop = find_maildrop(snapshot, order.maildrop)
        devices = [one for one in snapshot.devices if one.maildrop == drop.name]
        kind = order.kind or usual_kind(drop.wish.deliver)
        sender = order.sender or f"popbridge@{self.bridge}"
        token = secrets.token_hex(16)
        remote_id = RemoteId(f"local:{token}")  # no service names a message so
        room = Room(drop.ceiling, await self.spool.octets_at_rest(drop.name))
        number = await self.spool.announce_local(
            drop.name, remote_id, mint_unique_id(remote_id), self.actor
        )
        try:
            now = self.clock.now()
            names = tuple(one.name for one in devices)
            page = Page(number, self.bridge, drop.name, names, now, kind, drop.wish.deliver)
            octets = await self._made(page, sender, token)
            delivery = await self._deliver(drop, number, octets, room)
        except BaseException:
            with suppress(SpoolUnavailable):  # then the next start forgets it
                await self.spool.withdraw(number)
            raise
        warnings = [*_told(delivery), *await self._cautions(drop, number, sender)]
        warnings += _absent(drop.name, devices)
        told = (number, drop.name, kind, sender, delivery.octets)
        return Delivered(*told, _polls(devices), tuple(warnings))

    async def _made(self, page: Page, sender: str, token: str) -> bytes:
        """Return the mail that brings the page; a fax is drawn where mail for a fax is."""
        octets = mail(page, sender, token)
        if page.kind is not Kind.TIFF:
            return octets
        if missing := missing_libraries():
            raise OwnerError(
                f"A TIFF is drawn by {' and '.join(missing)}: install popbridge[ifax], or choose"
                " another kind. Nothing was changed."
            )
        try:
            async with aclosing(self.shaping.shape(_A_FAX, len(octets), _once(octets))) as made:
                return b"".join([piece async for piece in made])
        except (Unshapeable, ShaperUnavailable) as error:
            raise OwnerError(f"No TIFF can be drawn: {error}; nothing was changed.") from error

    async def _deliver(
        self, drop: MaildropRecord, number: SpoolId, octets: bytes, room: Room
    ) -> Delivery:
        shaper = MaildropShaper(drop.wish, number, self.shaping, self.clock, room.take)
        try:
            room.take(len(octets))
            return await self.spool.deliver(number, _once(octets), None, shaper)
        except CeilingReached as error:
            raise OwnerError(
                f"There is no room in maildrop {drop.name}: {error}. Mail waits for the same: have"
                " devices delete what they printed, or raise --ceiling. Nothing was changed."
            ) from None
        except ShaperUnavailable as error:
            raise OwnerError(
                f"The page cannot be shaped now: {error}; nothing was changed."
            ) from error

    async def _cautions(self, drop: MaildropRecord, number: SpoolId, sender: str) -> list[str]:
        """Return what mail would meet that the page does not, and what the page meets too."""
        cautions = []
        if why := sender_refusal(drop.admission, (sender.lower(),)):
            cautions.append(f"Mail from {sender} would be held: {why}.")
        if drop.on_outage is not OnOutage.SERVE and self.is_failing(drop.account):
            cautions.append(
                f"Account {drop.account} is failing, and maildrop {drop.name} shows devices"
                f" nothing then (--on-outage {drop.on_outage.value})."
            )
        entries = (await self.spool.listing(drop.name)).entries
        is_seen = number in {entry.spool_id for entry in entries}
        if drop.admission.at_most and not is_seen:
            cautions.append(
                f"A session sees {drop.admission.at_most} messages at most (--at-most), and as many"
                " lie before it: it comes once those are deleted."
            )
        return cautions


def order_page(offline: Offline, order: PageOrder) -> Values:
    """Have a test page made, in the running bridge or here; return what `Delivered` says.

    Raises:
        OwnerError: it cannot be; nothing was changed.
    """
    config = offline.config
    claim = introduction(offline.environ)
    answer = ask(config.state_dir, TEST_MESSAGE, **order.values(), **claim)
    if answer is not None:
        return answer

    async def work(state: State) -> Values:
        snapshot = await state.register.snapshot()
        desk = PageDesk(
            state.spool,
            lambda: snapshot,
            SystemClock(),
            bridge_name(config),
            shaping_processes(config),
            _is_untried,
            actor_here(offline.environ),
        )
        return attrs.asdict(await desk.deliver(order))

    with sole_server(config.state_dir):
        return offline.read(work)


def bridge_name(config: Config) -> str:
    """Return a name that the bridge goes by: the first in its certificate that is no address."""
    return next((name for name in config.tls.names if not _is_address(name)), "localhost")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_untried(_account: AccountName) -> bool:
    """Tell of an account that no bridge looks at that it is not known to fail."""
    return False


def _absent(maildrop: MaildropName, devices: Sequence[Device]) -> list[str]:
    """Return that nobody may take a page, where that is so, and who may not."""
    if not devices:
        return [f"No device takes the mail of maildrop {maildrop} yet."]
    return [
        f"Device {one.name} is disabled; run `popbridge device enable {one.name}`."
        for one in devices
        if one.disabled is not None
    ]


def _polls(devices: Sequence[Device]) -> dict[str, str]:
    profiles = shipped_profiles()
    return {
        one.name: profiles[one.profile].poll.value if one.profile in profiles else ""
        for one in devices
        if one.disabled is None
    }


def _told(delivery: Delivery) -> list[str]:
    """Return what came of the page but that it is listed."""
    if delivery.quarantined:
        return [f"A notice stands for the page, which cannot be shaped: {delivery.quarantined}"]
    return [f"It is held: {delivery.held}"] if delivery.held else []


async def _once(octets: bytes) -> AsyncIterator[bytes]:
    yield octets
