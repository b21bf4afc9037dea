"""Refused mail that comes round by names that do not tell so is moved once, and held where it arrived."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from tests.fakes.cloud import Cloud
from tests.fakes.cloud_thread import cloud_thread
from tests.system.cloud_home import CloudHome, bare_home

pytestmark = pytest.mark.slow

SPAM = b"From: a@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: offer\r\n\r\nbuy\r\n"
HELD = "not moved to"
RULE = ("--subject", "print", "--refused")


@attrs.frozen
class Side:
    """A mailbox, and a name of its inbox that does not look like one."""

    account: str
    begin: Callable[[CloudHome], None]
    put: Callable[[CloudHome], object]
    alias: Callable[[CloudHome], str]
    inbox: Callable[[CloudHome], int]
    other: Callable[[CloudHome], int]


def begin_microsoft(home: CloudHome) -> None:
    home.add_microsoft()
    home.enrol_by_code()
    home.cloud.do(lambda c: c.graph.mailbox.make_folder("Other"))


def begin_google(home: CloudHome) -> None:
    home.add_google()
    home.enrol_in_browser()
    home.cloud.do(
        lambda c: (c.gmail.mailbox.create_label("Other"), c.gmail.mailbox.create_label("Jobs"))
    )


def jobs_label(cloud: Cloud) -> str:
    label = cloud.gmail.mailbox.label_named("Jobs")
    assert label is not None
    return f"id:{label.id}"


SIDES = [
    Side(
        "office365",
        begin_microsoft,
        lambda home: home.cloud.do(lambda c: c.graph.mailbox.put(SPAM)),
        lambda home: home.cloud.do(lambda c: "id:" + c.graph.mailbox.folder("inbox").id),
        lambda home: home.cloud.do(lambda c: len(c.graph.mailbox.messages_in("inbox"))),
        lambda home: home.cloud.do(lambda c: len(c.graph.mailbox.messages_in("Other"))),
    ),
    Side(
        "gmail",
        begin_google,
        lambda home: home.cloud.do(lambda c: c.gmail.mailbox.put(SPAM, labels=["Jobs"])),
        lambda home: home.cloud.do(jobs_label),
        lambda home: home.cloud.do(lambda c: len(c.gmail.mailbox.labelled("Jobs"))),
        lambda home: home.cloud.do(lambda c: len(c.gmail.mailbox.labelled("Other"))),
    ),
]


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.account)
def test_what_one_maildrop_moved_another_does_not_move_back(
    template: Path, tmp_path: Path, loop_name: str, side: Side
) -> None:
    with cloud_thread(tmp_path) as cloud:
        cloud.cloud.entra.device_interval = 1
        home = bare_home(template, tmp_path / "home", loop_name, cloud)
        side.begin(home)
        folder = ("--folder", "Jobs") if side.account == "gmail" else ()
        first = ("maildrop", "add", "first", "--account", side.account, *folder)
        second = ("maildrop", "add", "second", "--account", side.account, "--folder", "Other")
        home.must(*first, *RULE, "move:Other")
        named = "jobs" if side.account == "gmail" else "Inbox"
        refused = home.home.run(*second, *RULE, f"move:{named}")
        assert refused.returncode == 1
        assert "come back to it by way of maildrop first" in refused.stderr
        home.must(*second, *RULE, f"move:{side.alias(home)}")
        side.put(home)
        for _ in range(4):
            home.home.sync(side.account)
            home.home.sync(side.account)
        assert (side.inbox(home), side.other(home)) == (0, 1)
        assert HELD in home.must("message", "list", "--maildrop", "second")
        assert "since maildrop first (message 1) moved it here as refused" in home.must(
            "message", "show", "2"
        )
        assert "moved away, since its subject is without" in home.must("message", "show", "1")


def test_a_folder_of_files_keeps_what_was_moved_into_it_once(
    template: Path, tmp_path: Path, loop_name: str
) -> None:
    """Files change their id where a name is taken; what they say stays."""
    with cloud_thread(tmp_path) as cloud:
        home = bare_home(template, tmp_path / "home", loop_name, cloud)
        mail = tmp_path / "mail"
        (mail / "Other").mkdir(parents=True)
        (mail / "Other" / "1.eml").write_bytes(b"Subject: print\r\n\r\nfirst\r\n")
        (mail / "1.eml").write_bytes(SPAM)
        home.must("account", "add", "files", "--provider", "folder", "--path", str(mail))
        home.must("maildrop", "add", "first", "--account", "files", *RULE, "move:Other")
        words = ("maildrop", "add", "second", "--account", "files", "--folder", "Other")
        assert home.home.run(*words, *RULE, "move:Other").returncode == 1
        home.must(*words, *RULE, "move:Third")
        for _ in range(4):
            home.home.sync("files")
        assert sorted(path.parent.name for path in mail.rglob("*.eml")) == ["Other", "Other"]
        assert HELD in home.must("message", "list", "--maildrop", "second")
