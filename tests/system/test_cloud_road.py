"""The whole road: an account in the fake cloud, enrolled by the command line, read by a device over POP3S."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from tests.fakes.cloud_thread import cloud_thread
from tests.fakes.faults import html
from tests.fakes.graph import refusal
from tests.system.cloud_home import CloudHome, bare_home
from tests.system.pop_client import DEADLINE_SECONDS, assert_ok
from tests.system.running_bridge import PASSWORD, RunningBridge, running

MAIL = b"From: a@example.com\r\nSubject: job\r\n\r\n.a line with a dot\r\nprint me\r\n"


@pytest.fixture
def home(template: Path, tmp_path: Path, loop_name: str) -> Iterator[CloudHome]:
    with cloud_thread(tmp_path) as cloud:
        cloud.cloud.entra.device_interval = 1
        yield bare_home(template, tmp_path / "home", loop_name, cloud)


@attrs.frozen
class Side:
    """One of the two clouds, as the road sees it."""

    account: str
    add: Callable[[CloudHome], None]
    enrol: Callable[[CloudHome], dict[str, object]]
    put: Callable[[CloudHome, bytes], None]
    inbox: Callable[[CloudHome], list[object]]
    printed: Callable[[CloudHome], list[object]]


MICROSOFT = Side(
    "office365",
    CloudHome.add_microsoft,
    CloudHome.enrol_by_code,
    lambda home, octets: home.cloud.do(lambda c: c.graph.mailbox.put(octets)) and None,
    lambda home: home.cloud.do(
        lambda c: [m.octets for m in c.graph.mailbox.messages_in("inbox")]
    ),
    lambda home: home.cloud.do(
        lambda c: [m.octets for m in c.graph.mailbox.messages_in("Printed")]
    ),
)
GOOGLE = Side(
    "gmail",
    CloudHome.add_google,
    CloudHome.enrol_in_browser,
    lambda home, octets: home.cloud.do(lambda c: c.gmail.mailbox.put(octets)) and None,
    lambda home: home.cloud.do(lambda c: list(c.gmail.mailbox.labelled("INBOX"))),
    lambda home: home.cloud.do(lambda c: list(c.gmail.mailbox.labelled("Printed"))),
)


@pytest.fixture(params=[MICROSOFT, GOOGLE], ids=lambda side: side.account)
def side(request: pytest.FixtureRequest) -> Side:
    return request.param  # type: ignore[no-any-return] - pytest does not say what it hands over


def delivered(bridge: RunningBridge, count: int = 1) -> None:
    bridge.log.wait_for("message-delivered", count)


def test_a_message_goes_from_the_cloud_to_the_device_and_its_deletion_back(
    home: CloudHome, side: Side
) -> None:
    side.put(home, MAIL)
    with running(home.home) as bridge:
        side.add(home)
        side.enrol(home)  # the running bridge takes it up by itself
        home.add_road(side.account)
        home.home.sync(side.account)
        client = bridge.log_in(side.account)
        assert client.retrieve(1) == MAIL
        assert_ok(client.command("DELE 1"))
        assert_ok(client.quit())
        home.home.sync(side.account)
        assert (side.inbox(home), side.printed(home)) == ([], [MAIL])
        assert bridge.log_in(side.account).octets() == []
    texts = [path.read_bytes() for path in home.home.state.rglob("*") if path.is_file()]
    for secret in tokens(home):
        assert secret not in bridge.log.text
        assert all(secret.encode() not in text for text in texts)


def tokens(home: CloudHome) -> list[str]:
    """Return every token that the cloud has given."""
    given = home.cloud.cloud.entra.given
    google = home.cloud.cloud.gmail.asked
    bearers = [asked.headers["Authorization"].partition(" ")[2] for asked in google]
    return [*given.access, *given.refresh, *bearers]


def test_an_outage_is_neither_an_empty_maildrop_nor_a_wrong_password(
    home: CloudHome, side: Side
) -> None:
    side.add(home)
    side.enrol(home)
    home.add_road(side.account)
    side.put(home, MAIL)
    home.home.sync(side.account)
    service = "graph" if side is MICROSOFT else "gmail"
    home.cloud.do(lambda c: getattr(c, service).always("", html(200)))
    with running(home.home) as bridge:
        bridge.log.wait_for("account-failing")
        client = bridge.log_in(side.account)
        assert client.retrieve(1) == MAIL
        assert_ok(client.quit())
        assert "FAILING" in home.must("status")


def test_a_dead_grant_is_told_once_and_a_new_enrolment_goes_on_at_once(
    home: CloudHome,
) -> None:
    home.add_microsoft()
    home.enrol_by_code()
    home.add_road("office365")
    home.cloud.do(lambda c: c.graph.mailbox.put(MAIL))
    home.home.sync("office365")
    home.cloud.do(lambda c: (c.entra.kill_grants(50173), c.entra.expire_access()))
    with running(home.home) as bridge:
        bridge.log.wait_for("account-failing")
        [lost] = bridge.log.events("grant-lost")
        assert "AADSTS50173" in lost["why"]
        assert "NEEDS ENROLMENT" in home.must("status")
        assert "lost: " in home.must("account", "list")
        wrong = bridge.connect()
        assert wrong.log_in("office365", "not the password").startswith(b"-ERR")
        assert bridge.log_in("office365").retrieve(1) == MAIL  # what is here is still served
        asked = home.cloud.do(lambda c: len(c.entra.asked))
        bridge.signal(signal.SIGHUP)
        bridge.log.wait_for("reloaded")
        assert home.cloud.do(lambda c: len(c.entra.asked)) == asked
        home.cloud.do(lambda c: c.graph.mailbox.put(MAIL))
        home.enrol_by_code()
        delivered(bridge)
        assert "NEEDS" not in home.must("status")
        assert len(bridge.log.events("grant-lost")) == 1


def test_a_grant_that_heals_by_itself_is_found_by_a_check(home: CloudHome) -> None:
    home.add_microsoft()
    home.enrol_by_code()
    home.add_road("office365")
    home.cloud.do(lambda c: (c.entra.kill_grants(53003), c.entra.expire_access()))
    done = home.home.run("account", "check", "office365")
    assert done.returncode == 1
    assert "FAIL  token: " in done.stdout
    home.cloud.do(lambda c: c.entra.revive_grants())
    said = home.must("account", "check", "office365")
    assert "FAIL" not in said
    assert "lost" not in home.must("account", "list")


def test_a_check_goes_through_everything(home: CloudHome, side: Side) -> None:
    side.put(home, MAIL)
    side.add(home)
    done = home.home.run("account", "check", side.account)
    assert done.returncode == 1
    assert "not enrolled yet" in done.stdout
    side.enrol(home)
    home.add_road(side.account)
    found = json.loads(home.must("account", "check", side.account, "--json"))
    assert all(one["ok"] for one in found)
    subjects = [one["subject"] for one in found]
    assert subjects == [
        *("sign-in host", "mail host", "clock", "token", "scopes", "folder (inbox)", "sample"),
        "right to dispose",
    ]


def test_a_clock_ten_minutes_off_is_found_by_a_check(home: CloudHome) -> None:
    home.add_microsoft()
    home.enrol_by_code()
    home.cloud.do(lambda c: setattr(c.graph, "clock_offset", 600))
    done = home.home.run("account", "check", "office365")
    assert "FAIL  clock: this machine's clock is" in done.stdout
    assert "behind" in done.stdout


def test_ctrl_c_leaves_nothing_half_done(home: CloudHome) -> None:
    home.add_microsoft()
    before = home.must("account", "list", "--json")
    with home.enrolling("office365") as journey:
        journey.event()
        journey.process.send_signal(signal.SIGINT)
        code, said = journey.end()
    assert (code, said) == (130, "")
    assert home.must("account", "list", "--json") == before


def test_ctrl_c_need_not_wait_for_a_line_that_nobody_pastes(home: CloudHome) -> None:
    home.add_google()
    with home.enrolling("gmail") as journey:
        journey.event()
        journey.process.send_signal(signal.SIGINT)
        assert journey.process.wait(DEADLINE_SECONDS) == 130


def test_an_enrolment_that_fails_says_so_in_an_event_and_a_sentence(home: CloudHome) -> None:
    home.add_google()
    with home.enrolling("gmail") as journey:
        journey.event()
        journey.paste("http://127.0.0.1/nothing")
        failed = journey.event()
        code, said = journey.end()
    assert (failed["event"], code) == ("failed", 1)
    assert said.startswith("popbridge: Account gmail was not enrolled: ")


def test_a_message_that_cannot_be_converted_is_a_notice_and_blocks_nobody(
    home: CloudHome,
) -> None:
    bad = b"From: Bob <bob@example.com>\r\nSubject: signed\r\n\r\nx\r\n"
    home.cloud.do(lambda c: c.graph.mailbox.put(bad, unconvertible=True))
    home.cloud.do(lambda c: c.graph.mailbox.put(MAIL))
    home.add_microsoft()
    home.enrol_by_code()
    home.add_road("office365")
    with running(home.home) as bridge:
        home.home.sync("office365")
        client = bridge.log_in("office365")
        notice, mail = client.retrieve(1), client.retrieve(2)
        assert b"bob@example.com" in notice
        assert b"signed" in notice
        assert mail == MAIL
        client.command("DELE 1")
        assert_ok(client.quit())
        home.home.sync("office365")
    assert home.cloud.do(lambda c: len(c.graph.mailbox.messages_in("inbox"))) == 2
    assert home.cloud.do(lambda c: len(c.graph.requests("value$"))) == 2


def test_a_dropped_cursor_reprints_nothing(home: CloudHome) -> None:
    for _ in range(250):  # more than a page: changes are asked for from now on
        home.cloud.do(lambda c: c.graph.mailbox.put(MAIL))
    home.add_microsoft()
    home.enrol_by_code()
    home.add_road("office365", "keep")
    with running(home.home) as bridge:
        home.home.sync("office365")
        client = bridge.log_in("office365")
        assert len(client.octets()) == 250
        for number in range(1, 250):
            client.command(f"DELE {number}")
        assert_ok(client.quit())
        home.cloud.do(lambda c: c.graph.mailbox.expire_delta())
        report = home.home.sync("office365")
        assert bridge.log.events("cursor-expired")
        assert (report["announced"], report["delivered"]) == (0, 0)
        assert len(bridge.log_in("office365").octets()) == 1


def test_a_deletion_that_may_not_be_carried_out_keeps_no_mail_from_coming(
    home: CloudHome,
) -> None:
    home.add_microsoft()
    home.enrol_by_code()
    home.add_road("office365")
    home.cloud.do(lambda c: c.graph.mailbox.put(MAIL))
    with running(home.home) as bridge:
        home.home.sync("office365")
        client = bridge.log_in("office365")
        client.command("DELE 1")
        assert_ok(client.quit())
        home.cloud.do(lambda c: c.graph.always("batch", refusal(403, "ErrorAccessDenied")))
        home.cloud.do(lambda c: c.graph.mailbox.put(MAIL))
        assert home.home.run("account", "sync", "office365").returncode == 1
        delivered(bridge, 2)
        assert bridge.log_in("office365").octets() == [len(MAIL)]
    assert PASSWORD not in bridge.log.text
