"""An account gone through, one finding for each thing that can be out of order."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from bridge.app.accounts.examination import (
    CLOCK_SECONDS,
    Examination,
    Finding,
    first_message,
    look_briefly,
)
from bridge.app.accounts.opener import OpenAccount
from bridge.names import MaildropName
from bridge.storage.register import MaildropRecord
from providers.contract import (
    AccessRefused,
    DispositionKind,
    FolderMissing,
    FolderName,
    GrantLost,
    HostAnswer,
    MessageGone,
    MessageUnreadable,
    ProviderError,
    RemoteId,
    Throttled,
    Unreachable,
)
from tests.contract.storage_harness import OFFICE, maildrop
from tests.fakes.cloud_account import TokenMailbox
from tests.fakes.mailbox import INBOX, FakeMailbox, FakeService
from tests.unit.accounts.enrolled import Enrolled

DAY = 86400.0
FAXES = FolderName("Faxes")


class Examined(TokenMailbox):
    """A mailbox whose hosts and rights a test says."""

    hosts: Sequence[HostAnswer] = (HostAnswer("mail.box", 0.0),)
    away: ProviderError | None = None
    refusal: ProviderError | None = None
    proved: list[RemoteId]

    async def reach(self) -> Sequence[HostAnswer]:
        if self.away is not None:
            raise self.away
        return self.hosts

    async def prove_right(self, folder: FolderName, remote_id: RemoteId) -> None:
        self.proved = [*getattr(self, "proved", []), remote_id]
        if self.refusal is not None:
            raise self.refusal
        await super().prove_right(folder, remote_id)


@attrs.define
class Bench:
    enrolled: Enrolled
    service: FakeService
    mailbox: Examined
    maildrops: list[MaildropRecord] = attrs.field(factory=list)

    async def findings(self) -> list[Finding]:
        opened = OpenAccount(self.mailbox, self.enrolled.identity, self.enrolled.tokens)
        kept = await self.enrolled.grants.load(OFFICE)
        examination = Examination(opened, kept, self.maildrops, self.enrolled.clock)
        return [finding async for finding in examination.findings()]

    async def said(self, subject: str) -> list[tuple[bool, str]]:
        found = [one for one in await self.findings() if one.subject == subject]
        return [(one.ok, one.text) for one in found]

    async def wrong(self) -> list[str]:
        return [f"{one.subject}: {one.text}" for one in await self.findings() if not one.ok]


@pytest.fixture
def enrolled(tmp_path: Path) -> Iterator[Enrolled]:
    made = Enrolled(tmp_path)
    yield made
    made.storage.close()


@pytest.fixture
async def bench(enrolled: Enrolled) -> Bench:
    await enrolled.enrol()
    service = FakeService()
    service.put(b"Subject: x\r\n\r\n" + bytes(200_000))
    return Bench(enrolled, service, Examined(service, enrolled.tokens))


async def test_an_account_in_order_is_so_in_every_thing(bench: Bench) -> None:
    findings = await bench.findings()
    assert all(one.ok for one in findings)
    assert [f"{one.subject}: {one.text}" for one in findings] == [
        "sign-in host: sign.in answers",
        "mail host: mail.box answers",
        "clock: 0 s from the service's",
        "token: the grant is honoured",
        "scopes: Mail.ReadWrite",
        "folder (inbox): its mailbox answers",
        "sample: a message is MIME",
        "right to dispose: a message may be changed",
    ]


async def test_nothing_of_the_mailbox_is_changed(bench: Bench) -> None:
    before = [attrs.evolve(mail) for mail in bench.service.folder().values()]
    await bench.findings()
    assert list(bench.service.folder().values()) == before
    assert bench.service.orders == []
    assert bench.service.open_fetches == 0


async def test_of_a_local_mailbox_there_is_no_sign_in_to_examine(bench: Bench) -> None:
    bench.mailbox.hosts = ()
    plain = FakeMailbox(bench.service)
    examination = Examination(OpenAccount(plain, None, None), None, [], bench.enrolled.clock)
    subjects = [finding.subject async for finding in examination.findings()]
    assert subjects == ["mail host", "clock", "folder (inbox)", "sample", "right to dispose"]


# ---- hosts and the clock


async def test_hosts_that_are_away_are_each_named_and_the_rest_is_looked_at_all_the_same(
    bench: Bench,
) -> None:
    bench.mailbox.away = Unreachable("mail.box cannot be asked: refused")
    bench.enrolled.identity.failures["reach"].append(Unreachable("sign.in did not answer"))
    assert await bench.wrong() == [
        "sign-in host: sign.in did not answer",
        "mail host: mail.box cannot be asked: refused",
    ]
    assert await bench.said("token") == [(True, "the grant is honoured")]


@pytest.mark.parametrize(
    ("ahead", "ok", "said"),
    [
        (0.0, True, "0 s from"),
        (CLOCK_SECONDS - 1, True, "299 s from"),
        (1 - CLOCK_SECONDS, True, "299 s from"),
        (600.0, False, "this machine's clock is 600 seconds behind; set it"),
        (-600.0, False, "this machine's clock is 600 seconds ahead; set it"),
    ],
)
async def test_a_clock_that_is_wrong_is_told_which_way(
    bench: Bench, *, ahead: float, ok: bool, said: str
) -> None:
    """A host's clock that is ahead of ours means that ours is behind."""
    bench.mailbox.hosts = (HostAnswer("mail.box", ahead), HostAnswer("other", None))
    [(found, text)] = await bench.said("clock")
    assert found is ok
    assert text.startswith(said)


async def test_the_worst_difference_counts_and_none_where_no_host_tells_the_time(
    bench: Bench,
) -> None:
    bench.enrolled.identity.answer = HostAnswer("sign.in", -400.0)
    bench.mailbox.hosts = (HostAnswer("mail.box", 350.0),)
    [(_, text)] = await bench.said("clock")
    assert "400 seconds ahead" in text
    bench.enrolled.identity.answer = HostAnswer("sign.in", None)
    bench.mailbox.hosts = (HostAnswer("mail.box", None),)
    assert await bench.said("clock") == []


# ---- the sign-in


@pytest.mark.parametrize(
    ("days", "ok", "said"),
    [
        (400.0, True, "ends in 400 days, on "),
        (30.0, True, "ends in 30 days, on "),
        (29.9, False, "ends in 29 days, on "),
        (0.5, False, "ends in 0 days, on "),
        (-0.5, False, "ended on "),
    ],
)
async def test_a_credential_that_ends_is_told_in_time(
    bench: Bench, *, days: float, ok: bool, said: str
) -> None:
    ends = bench.enrolled.clock.now() + days * DAY
    bench.enrolled.identity.credential_ends = ends
    [(found, text)] = await bench.said("credential")
    assert found is ok
    assert said + f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}" in text


@pytest.mark.parametrize(
    "error",
    [
        GrantLost("it was revoked"),
        Unreachable("sign.in is away"),
        Throttled("sign.in is busy", 9),
    ],
)
async def test_without_a_token_nothing_behind_it_is_looked_at(
    bench: Bench, error: ProviderError
) -> None:
    bench.enrolled.identity.failures["renew"].append(error)
    findings = await bench.findings()
    assert findings[-1] == Finding("token", ok=False, text=str(error))
    assert bench.service.asked == []


async def test_an_account_that_is_not_enrolled_says_how(bench: Bench) -> None:
    await bench.enrolled.storage.register.remove_account(OFFICE)
    await bench.enrolled.prepare()
    [finding] = await bench.wrong()
    assert finding.startswith("token: it is not enrolled yet; run `popbridge account enrol")


async def test_a_grant_that_honours_itself_again_is_found(bench: Bench) -> None:
    await bench.enrolled.grants.lose(OFFICE, 1, "blocked")
    assert await bench.wrong() == []
    assert (await bench.enrolled.kept()).lost is None


async def test_a_register_that_fails_is_a_finding_too(bench: Bench) -> None:
    await bench.enrolled.storage.refuse_writes()
    [finding] = await bench.wrong()
    assert finding.startswith("token: ")


async def test_scopes_that_are_missing_are_named_and_the_folder_is_looked_at_all_the_same(
    bench: Bench,
) -> None:
    bench.enrolled.identity.needed = frozenset({"Mail.ReadWrite", "B.Write", "A.Read"})
    assert await bench.wrong() == [
        "scopes: A.Read, B.Write is missing; grant it, and enrol the account again"
    ]
    assert await bench.said("sample") == [(True, "a message is MIME")]


async def test_scopes_that_a_service_does_not_name_are_as_somebody_else_set_them(
    bench: Bench,
) -> None:
    bench.enrolled.identity.scopes = bench.enrolled.identity.needed = frozenset()
    assert await bench.said("scopes") == [(True, "as the administrator set them")]


# ---- folders and messages


async def test_every_folder_that_is_shown_is_looked_at_once(bench: Bench) -> None:
    bench.service.folder(FAXES)
    bench.maildrops = [
        attrs.evolve(maildrop(MaildropName(name)), folder=folder)
        for name, folder in (("a", FAXES), ("b", INBOX), ("c", FAXES))
    ]
    findings = await bench.findings()
    subjects = [one.subject for one in findings if one.subject.startswith("folder")]
    assert subjects == ["folder Faxes", "folder (inbox)"]


async def test_a_folder_that_is_missing_is_named_and_the_next_is_looked_at(
    bench: Bench,
) -> None:
    bench.maildrops = [
        attrs.evolve(maildrop(), folder=FAXES),
        attrs.evolve(maildrop(), folder=INBOX),
    ]
    assert await bench.wrong() == ["folder Faxes: there is no such folder"]
    assert await bench.said("folder (inbox)") == [(True, "its mailbox answers")]


@pytest.mark.parametrize("error", [AccessRefused("no licence"), Unreachable("away")])
async def test_a_mailbox_that_does_not_answer_says_why(
    bench: Bench, error: ProviderError
) -> None:
    bench.service.failures["changes"].append(error)
    assert await bench.wrong() == [f"folder (inbox): {error}"]
    assert await bench.said("sample") == [(True, "a message is MIME")]


async def test_an_empty_folder_has_no_sample_and_no_message_to_prove_a_right_with(
    bench: Bench,
) -> None:
    bench.service.folder().clear()
    findings = await bench.findings()
    assert findings[-1] == Finding(
        "sample", ok=True, text="the folder is empty, so none was fetched"
    )
    assert bench.service.asked == [("changes", None)]


async def test_a_sample_that_cannot_be_fetched_is_told(bench: Bench) -> None:
    bench.service.failures["fetch"].append(Unreachable("a page came instead"))
    assert await bench.wrong() == ["sample: a page came instead"]


@pytest.mark.parametrize("error", [MessageGone("gone"), MessageUnreadable("never")])
async def test_a_message_that_can_never_be_had_speaks_for_itself_alone(
    bench: Bench, error: ProviderError
) -> None:
    bench.service.failures["fetch"].append(error)
    assert await bench.wrong() == []


async def test_of_a_sample_only_the_beginning_is_fetched(bench: Bench) -> None:
    steps: list[str] = []
    bench.service.on_step = steps.append
    await bench.findings()
    assert steps.count("fetch") == 1
    assert steps.count("piece") == 0


async def test_a_right_that_is_missing_is_told(bench: Bench) -> None:
    bench.mailbox.refusal = AccessRefused("Mail.ReadWrite is missing")
    assert await bench.wrong() == ["right to dispose: Mail.ReadWrite is missing"]
    assert bench.mailbox.proved == list(bench.service.folder())


async def test_a_message_that_went_away_meanwhile_proves_nothing_and_is_no_fault(
    bench: Bench,
) -> None:
    bench.mailbox.refusal = MessageGone("gone")
    assert await bench.wrong() == []


async def test_where_nothing_is_ever_disposed_no_right_to_is_needed(bench: Bench) -> None:
    bench.service.offers = frozenset({DispositionKind.KEEP})
    bench.mailbox.refusal = AccessRefused("only to read")
    assert await bench.wrong() == []
    assert await bench.said("right to dispose") == []


# ---- brief looks


async def test_a_brief_look_ends_with_the_first_page(bench: Bench) -> None:
    bench.service.page_messages = 1
    newest = bench.service.put(b"Subject: y\r\n\r\n")
    steps: list[str] = []
    bench.service.on_step = steps.append
    assert await first_message(bench.mailbox, INBOX) != newest
    assert steps == ["look"]
    await look_briefly(bench.mailbox, INBOX)
    assert steps == ["look", "look"]


async def test_a_brief_look_at_what_does_not_answer_says_so(bench: Bench) -> None:
    with pytest.raises(FolderMissing):
        await look_briefly(bench.mailbox, FolderName("Nowhere"))


async def test_an_examination_may_be_left_at_any_finding(bench: Bench) -> None:
    opened = OpenAccount(bench.mailbox, bench.enrolled.identity, bench.enrolled.tokens)
    number = len(await bench.findings())
    for left_at in range(number):
        examination = Examination(opened, None, [], bench.enrolled.clock)
        async with aclosing(examination.findings()) as findings:
            for _ in range(left_at):
                await anext(findings)
    assert bench.service.open_fetches == 0
