"""Crash scenarios of grants: enrolled or cleanly not, and never a grant lost that the service still honours."""

import json
from functools import partial

import attrs

from tests.fakes.cloud import Cloud
from tests.system.cloud_home import CloudHome
from tests.system.crash_cloud import MICROSOFT, CloudScenario, Side, mail
from tests.system.crash_runs import KILLED, NEVER, Forked
from tests.system.crash_scenario import Stage, look
from tests.system.pop_client import DEADLINE_SECONDS, assert_ok

JOB = "a job"
FAX = "fax@example.com"


class Enrolling(CloudScenario):
    """`account enrol`: the account is enrolled and works, or is as it was and can be enrolled."""

    def __init__(self, stage: Stage, side: Side, *more: str) -> None:
        super().__init__(stage, side, *more)
        self.put(JOB)
        self.take_snapshot()
        self.code = KILLED
        self.was_told = False
        self.came: list[bool] = []

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        self.code, self.was_told = follow_to_the_end(self, die_at)
        return self.code != KILLED

    def check(self) -> None:
        self.came.append(is_enrolled(self))
        assert self.came[-1] or not self.was_told
        if not self.came[-1]:
            assert enrol(self) == 0
        assert is_enrolled(self)
        add_road(self)
        assert_prints(self)

    def finish(self) -> None:
        assert self.code == 0
        assert self.came == sorted(self.came), "the grant came and went"
        assert self.came[0] != self.came[-1]


class Rotating(CloudScenario):
    """A refresh token is used and another comes in its place; Entra takes the old one for a while yet."""

    def __init__(self, stage: Stage, side: Side) -> None:
        super().__init__(stage, side)
        with self.short_lived_tokens():
            assert enrol(self) == 0
            add_road(self)
        self.put(JOB)
        self.take_snapshot()

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        with self.forks.serving(self.home, die_at=die_at) as bridge:
            is_through = bridge is not None and bridge.log.has("looked")
        # Once the new token is kept, what follows is the same as in CloudDisposing.
        return is_through or any("renew_grant COMMIT" in one for one in self.forks.steps()[:-1])

    def check(self) -> None:
        assert_prints(self)


class RotatingForGood(Rotating):
    """The old refresh token ends at once, as no vendor does: then a kill may cost the grant, and this is said."""

    def __init__(self, stage: Stage, side: Side) -> None:
        super().__init__(stage, side)
        self.cloud.cloud.entra.spends_refresh = True
        self.lost: list[bool] = []

    def check(self) -> None:
        account = self.side.account
        with self.restarted() as bridge:
            assert bridge.log.has("looked", "grant-lost")
            lost = bridge.log.events("grant-lost")
            self.lost.append(bool(lost))
            assert [event["account"] for event in lost] == [account] * len(lost)
            # Either way a device may log in, and sees what is here.
            assert len(bridge.log_in(account).octets()) == (0 if lost else 1)
        if lost:
            [told] = json.loads(self.admin.must("account", "list", "--json"))
            assert told["enrolled"].startswith("lost: ")
            assert enrol(self) == 0
            assert_prints(self)

    def finish(self) -> None:
        # Between the answer of the service and the commit: before either statement, and no longer.
        assert sum(self.lost) == 3


class Losing(Rotating):
    """The service ends a grant: that is marked, told, and mended by an enrolment."""

    def __init__(self, stage: Stage, side: Side) -> None:
        super().__init__(stage, side)
        self.cloud.do(lambda cloud: cloud.entra.kill_grants())
        self.kept = self.copied_cloud()

    def run(self, die_at: int) -> bool:
        self.begin_anew(die_at)
        with self.forks.serving(self.home, die_at=die_at) as bridge:
            return bridge is not None and bridge.log.has("account-failing")

    def check(self) -> None:
        with self.restarted() as bridge:
            assert bridge.log.has("account-failing")
            assert bridge.log_in(self.side.account).octets() == []
        [told] = json.loads(self.admin.must("account", "list", "--json"))
        assert told["enrolled"].startswith("lost: ")
        assert enrol(self) == 0
        assert_prints(self)


def _add_app(admin: CloudHome, name: str, *more: str) -> None:
    """Add an app that signs in as itself, and upload the certificate that was made for it."""
    entra = admin.cloud.cloud.entra
    admin.cloud.do(lambda cloud: cloud.graph.add_mailbox(FAX))
    entra.client.exchange_roles[FAX] = "Application Mail.ReadWrite"
    admin.add_microsoft(name, "--auth", "app", "--mailbox", FAX, *more)
    said = admin.home.run("account", "enrol", name, "--json").stdout
    entra.app_certificates.append(json.loads(said.splitlines()[0])["certificate"])


APP = attrs.evolve(
    MICROSOFT,
    account="fax",
    add=_add_app,
    put=lambda cloud, octets: cloud.graph.mailboxes[FAX].put(octets),
)


# ---- what admins do and see


def add_road(scenario: CloudScenario) -> None:
    """Add the maildrop and the device of an account."""
    account = scenario.side.account
    scenario.home.offline.add_maildrop(account, account, "", "keep")
    scenario.home.add_device(account, account)


def enrol(scenario: CloudScenario, die_at: int = NEVER) -> int:
    """Go the whole way of `account enrol`, and return how it ended."""
    return follow_to_the_end(scenario, die_at)[0]


def follow_to_the_end(scenario: CloudScenario, die_at: int) -> tuple[int, bool]:
    """Return how `account enrol` ended, and whether it told the admin that it went well."""
    home, account = scenario.home, scenario.side.account
    forked = scenario.forks.start(home, "account", "enrol", account, "--json", die_at=die_at)
    follow(scenario.admin, forked)
    code = forked.wait(DEADLINE_SECONDS)
    forked.log.close()
    return code, bool(forked.log.events("enrolled"))


def follow(admin: CloudHome, forked: Forked) -> None:
    """Bring back the address where the browser ends, if the enrolment lives to ask for one."""
    if forked.log.has("code", "address", "setup"):
        for event in forked.log.events("address"):
            forked.type(admin.cloud.do(partial(_authorize, str(event["address"]))) + "\n")


def _authorize(address: str, cloud: Cloud) -> str:
    return cloud.google_signin.authorize(address)


def is_enrolled(scenario: CloudScenario) -> bool:
    [account] = scenario.home.offline.snapshot().accounts
    return bool(account.enrolment)


def assert_prints(scenario: CloudScenario) -> None:
    """See that the mail of the account arrives at its device."""
    account = scenario.side.account
    with scenario.restarted() as bridge:
        assert look(scenario.home, account)
        client = bridge.log_in(account)
        assert client.retrieve(1) == mail(JOB)
        assert_ok(client.quit())
        assert not bridge.log.events("grant-lost")
