"""Crash scenarios of accounts in the cloud: what Graph and Gmail are asked to do is done, once, and no more."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from bridge.accounts.maildropchange import Knobs
from bridge.app.admin.messages import DROP
from bridge.names import MaildropName
from bridge.storage.lives import Life
from bridge.storage.messages import MessageState
from tests.fakes.cloud import Cloud
from tests.fakes.cloud_thread import CloudThread, cloud_thread
from tests.system.cloud_home import CloudHome, bare_home
from tests.system.crash_scenario import Scenario, Stage, look
from tests.system.pop_client import assert_ok

DISPOSITIONS = {
    "moved": "move:Printed",
    "trashed": "trash",
    "archived": "archive",
    "read": "mark-read",
    "labelled": "label:Done",
    "kept": "keep",
    "purged": "purge",
}
"""Messages by their subjects, and what is to become of them upstream."""

WAITING = ("waiting", "new")
"""Messages that no device has deleted; the second one is not even fetched yet."""


def mail(subject: str) -> bytes:
    """Return a message that none of another subject is a copy of."""
    head = f"Subject: {subject}\r\nMessage-ID: <{subject.replace(' ', '-')}@example.com>\r\n"
    return f"{head}\r\n.a line with a dot\r\n{subject}\r\n".encode()


@attrs.frozen
class Side:
    """One of the two clouds; `seen` says where each message is and how it is marked."""

    account: str
    add: Callable[..., None]
    enrol: Callable[[CloudHome], dict[str, Any]]
    put: Callable[[Cloud, bytes], object]
    seen: Callable[[Cloud], dict[str, tuple[str, ...]]]
    wanted: Mapping[str, tuple[str, ...]]


class CloudScenario(Scenario):
    """A scenario whose cloud is put back too before each run; it fetches several messages at a time."""

    is_serial = False

    def __init__(self, stage: Stage, side: Side, *more: str) -> None:
        """Have an account that is added and nothing more."""
        self.side = side
        self.cloud: CloudThread = stage.closing.enter_context(cloud_thread(stage.folder))
        entra = self.cloud.cloud.entra
        entra.device_interval, entra.is_prompt = 0, True  # the same steps in every run
        self.admin = bare_home(stage.template, stage.folder / "home", "asyncio", self.cloud)
        super().__init__(stage, self.admin.home)
        self.home.mail().mkdir(parents=True)
        side.add(self.admin, side.account, *more)
        self.kept: dict[str, Any] = {}

    @contextmanager
    def short_lived_tokens(self) -> Iterator[None]:
        """Let tokens that are given meanwhile end so soon that a start has to renew them."""
        entra, google = self.cloud.cloud.entra, self.cloud.cloud.google_signin
        lives = entra.lifetime, entra.cae_lifetime, google.expires_in
        entra.lifetime = entra.cae_lifetime = google.expires_in = 60
        yield
        entra.lifetime, entra.cae_lifetime, google.expires_in = lives

    def take_snapshot(self) -> None:
        self.snapshot.take()
        self.kept = self.copied_cloud()

    def copied_cloud(self) -> dict[str, Any]:
        return self.cloud.do(lambda cloud: copy.deepcopy(_state(cloud)))

    def begin_anew(self, die_at: int) -> None:
        super().begin_anew(die_at)
        self.cloud.do(lambda cloud: _restore(cloud, copy.deepcopy(self.kept)))

    def put(self, subject: str) -> None:
        self.cloud.do(lambda cloud: self.side.put(cloud, mail(subject)))


class CloudDisposing(CloudScenario):
    """A token is renewed, messages are disposed of in every way there is, and a new one is fetched."""

    def __init__(self, stage: Stage, side: Side) -> None:
        super().__init__(stage, side, "--access", "purge")
        with self.short_lived_tokens():
            side.enrol(self.admin)
            self.admin.add_road(side.account, "keep")
            for subject in (*DISPOSITIONS, WAITING[0]):
                self.put(subject)
            self.home.sync(side.account)
            numbers = {life.envelope.subject: life.spool_id for life in self.lives()}
            for subject, on_dele in DISPOSITIONS.items():
                self.home.offline.change_maildrop(side.account, Knobs(on_dele=on_dele))
                self.home.offline.order(DROP, numbers[subject], dispose=True)
        self.put(WAITING[1])
        self.take_snapshot()
        self.unique_ids: set[tuple[str, ...]] = set()

    def lives(self) -> list[Life]:
        drop = MaildropName(self.side.account)
        return self.home.offline.read(
            lambda state: state.histories.lives(drop, tuple(MessageState), 100)
        )

    def run(self, die_at: int) -> bool:
        return self.serve_a_look(die_at)

    def check(self) -> None:
        with self.restarted() as bridge:
            assert look(self.home, self.side.account)
            client = bridge.log_in(self.side.account)
            found = [client.retrieve(n + 1) for n in range(len(WAITING))]
            assert found == [mail(subject) for subject in WAITING]
            self.unique_ids.add(tuple(client.unique_ids()))
            assert_ok(client.quit())
            assert not bridge.log.events("grant-lost")
            assert not any(look(self.home, self.side.account).values())
        assert self.cloud.do(self.side.seen) == self.side.wanted
        assert {life.state for life in self.lives()} == {
            MessageState.READY,
            MessageState.DISPOSED,
        }

    def finish(self) -> None:
        assert len(self.unique_ids) == 1


class Looking(CloudScenario):
    """Mail has gone upstream, cannot be had, or has come twice: each is told apart, and the rest arrives."""

    def __init__(self, stage: Stage, side: Side) -> None:
        super().__init__(stage, side)
        side.enrol(self.admin)
        self.admin.add_road(side.account, "keep")
        self.put("gone")
        self.home.sync(side.account)
        self.cloud.do(_lose_one_and_spoil_one)
        self.put("new")
        self.put("new")
        self.take_snapshot()
        self.unique_ids: set[tuple[str, ...]] = set()

    def run(self, die_at: int) -> bool:
        return self.serve_a_look(die_at)

    def check(self) -> None:
        with self.restarted() as bridge:
            for _ in range(2):
                assert look(self.home, self.side.account) is not None
            client = bridge.log_in(self.side.account)
            notice, new = (client.retrieve(number) for number in (1, 2))
            assert b"spoiled" in notice
            assert new == mail("new")
            self.unique_ids.add(tuple(client.unique_ids()))
            assert_ok(client.quit())
            assert not any(look(self.home, self.side.account).values())
            assert len(self.home.bodies) == 2

    def finish(self) -> None:
        assert len(self.unique_ids) <= 2, "either copy may be the one that came first"


def _lose_one_and_spoil_one(cloud: Cloud) -> None:
    mailbox = cloud.graph.mailbox
    [gone] = mailbox.messages
    mailbox.remove(gone)
    mailbox.put(mail("spoiled"), unconvertible=True)


# ---- the two clouds


def _state(cloud: Cloud) -> dict[str, Any]:
    return {
        "graph": cloud.graph.mailbox,
        "gmail": cloud.gmail.mailbox,
        "entra": cloud.entra.given,
        "google": cloud.google_signin.grants,
    }


def _restore(cloud: Cloud, state: dict[str, Any]) -> None:
    cloud.graph.mailbox, cloud.gmail.mailbox = state["graph"], state["gmail"]
    cloud.graph.mailboxes[cloud.graph.mailbox.address] = cloud.graph.mailbox
    cloud.gmail.mailboxes[cloud.gmail.mailbox.address] = cloud.gmail.mailbox
    cloud.entra.given, cloud.google_signin.grants = state["entra"], state["google"]


def _seen_at_graph(cloud: Cloud) -> dict[str, tuple[str, ...]]:
    mailbox = cloud.graph.mailbox
    found = {
        message.subject: (
            mailbox.folders[message.folder_id].name,
            *(["read"] if message.is_read else []),
            *message.categories,
        )
        for message in mailbox.messages.values()
    }
    assert len(found) == len(mailbox.messages), "a message is there twice"
    inbox = mailbox.folder("inbox").id
    moves = {one.change for one in mailbox.messages.values() if one.folder_id != inbox}
    assert moves <= {3}, "it came, left and arrived: a second move would be a second effect"
    return found | {"purged": ("purged",) * len(mailbox.purged)}


def _seen_at_gmail(cloud: Cloud) -> dict[str, tuple[str, ...]]:
    mailbox = cloud.gmail.mailbox
    found = {
        message.head().decode().splitlines()[0].partition(": ")[2]: tuple(
            sorted(mailbox.label_names(message.id))
        )
        for message in mailbox.messages.values()
    }
    assert len(found) == len(mailbox.messages), "a message is there twice"
    return found | {"purged": ("purged",) * len(mailbox.purged)}


MICROSOFT = Side(
    "office365",
    CloudHome.add_microsoft,
    CloudHome.enrol_by_code,
    lambda cloud, octets: cloud.graph.mailbox.put(octets),
    _seen_at_graph,
    {
        "moved": ("Printed",),
        "trashed": ("Deleted Items",),
        "archived": ("Archive",),
        "read": ("Inbox", "read"),
        "labelled": ("Inbox", "Done"),
        "kept": ("Inbox",),
        "purged": ("purged",),
        "waiting": ("Inbox",),
        "new": ("Inbox",),
    },
)
GOOGLE = Side(
    "gmail",
    CloudHome.add_google,
    CloudHome.enrol_in_browser,
    lambda cloud, octets: cloud.gmail.mailbox.put(octets),
    _seen_at_gmail,
    {
        "moved": ("Printed", "UNREAD"),
        "trashed": ("TRASH", "UNREAD"),
        "archived": ("UNREAD",),
        "read": ("INBOX",),
        "labelled": ("Done", "INBOX", "UNREAD"),
        "kept": ("INBOX", "UNREAD"),
        "purged": ("purged",),
        "waiting": ("INBOX", "UNREAD"),
        "new": ("INBOX", "UNREAD"),
    },
)
