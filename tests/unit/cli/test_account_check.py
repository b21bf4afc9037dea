import pytest

from providers.contract import AccessRefused, GrantLost, HostAnswer, Unreachable
from providers.identity import CodeInvitation
from tests.cli.command_line import Owner
from tests.fakes.cloud_account import FakeCloud, take_place_of


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    cloud = take_place_of("microsoft", monkeypatch)
    cloud.identity.invitation = CodeInvitation("C", "https://sign.in", 900.0, 0.001, "m")
    cloud.service.put(b"Subject: x\r\n\r\n")
    return cloud


@pytest.fixture
def holder(owner: Owner, cloud: FakeCloud) -> Owner:
    """An owner with an enrolled account."""
    owner.must("account", "add", "office", "--provider", "microsoft", "--client-id", "x")
    owner.must("account", "enrol", "office")
    assert cloud.identity.renewals == []
    return owner


def failing(owner: Owner) -> list[str]:
    said = owner.runs("account", "check", "office", "--json")
    assert (said.code, said.err) == (1, "")
    return [f"{one['subject']}: {one['text']}" for one in said.json if not one["ok"]]


def test_an_account_in_order_has_a_line_for_each_thing_and_exit_code_0(
    holder: Owner, cloud: FakeCloud
) -> None:
    said = holder.must("account", "check", "office")
    lines = said.out.splitlines()
    assert all(line.startswith("ok    ") for line in lines)
    assert [line.split(":")[0].removeprefix("ok    ") for line in lines] == [
        "sign-in host",
        "mail host",
        "clock",
        "token",
        "scopes",
        "folder (inbox)",
        "sample",
        "right to dispose",
    ]
    assert cloud.identity.closed == cloud.service.closed == 3


def test_json_has_the_same_findings(holder: Owner) -> None:
    findings = holder.must("account", "check", "office", "--json").json
    assert findings[0] == {
        "subject": "sign-in host",
        "ok": True,
        "text": "sign.in answers",
        "note": False,
    }
    assert {one["ok"] for one in findings} == {True}


def test_a_failure_is_exit_code_1_and_a_line_that_shows(
    holder: Owner, cloud: FakeCloud
) -> None:
    cloud.identity.answer = HostAnswer("sign.in", 600.0)
    said = holder.runs("account", "check", "office")
    assert (said.code, said.err) == (1, "")
    assert "FAIL  clock: this machine's clock is 600 seconds behind" in said.out


def test_every_maildrop_of_this_account_and_of_no_other_is_looked_at(
    holder: Owner, cloud: FakeCloud
) -> None:
    holder.must("maildrop", "add", "scans", "--account", "office")
    holder.enrol()  # another account, a, with a maildrop of its own
    cloud.service.failures["changes"].append(AccessRefused("the mailbox has no licence"))
    assert failing(holder) == ["folder (inbox): the mailbox has no licence"]


def test_an_account_that_is_not_enrolled_says_what_to_run(
    owner: Owner, cloud: FakeCloud
) -> None:
    owner.must("account", "add", "office", "--provider", "microsoft", "--client-id", "x")
    [finding] = failing(owner)
    assert finding.endswith("run `popbridge account enrol office`")
    assert cloud.identity.renewals == []


def test_a_grant_that_heals_is_in_order_again(holder: Owner, cloud: FakeCloud) -> None:
    cloud.identity.failures["renew"].append(GrantLost("the account was locked"))
    assert failing(holder) == ["token: the account was locked"]
    [row] = holder.must("account", "list", "--json").json
    assert row["enrolled"] == "lost: the account was locked"
    holder.must("account", "check", "office")
    [row] = holder.must("account", "list", "--json").json
    assert row["enrolled"] == "yes"


def test_a_service_that_is_away_takes_no_grant_for_lost(
    holder: Owner, cloud: FakeCloud
) -> None:
    cloud.identity.failures["renew"].append(Unreachable("sign.in is away"))
    assert failing(holder) == ["token: sign.in is away"]
    [row] = holder.must("account", "list", "--json").json
    assert row["enrolled"] == "yes"


def test_nothing_secret_is_shown(holder: Owner) -> None:
    for words in ((), ("--json",)):
        assert "secret" not in holder.must("account", "check", "office", *words).out


def test_a_local_folder_can_be_checked_too(owner: Owner) -> None:
    owner.enrol()
    said = owner.must("account", "check", "a")
    assert said.out.startswith("ok    folder (inbox): its mailbox answers\n")
    owner.mail().rename(owner.folder / "elsewhere")
    said = owner.runs("account", "check", "a")
    assert said.code == 1
    assert said.out.startswith("FAIL  folder (inbox): ")


def test_an_unknown_account_is_named(owner: Owner) -> None:
    said = owner.runs("account", "check", "nobody")
    assert said.code == 1
    assert "There is no account nobody" in said.sentence


def test_a_real_provider_whose_hosts_are_away_names_both_and_stops_at_the_token(
    owner: Owner,
) -> None:
    away = "https://127.0.0.1:9"
    words = ("--client-id", "x", "--authority", away, "--graph-url", away)
    owner.must("account", "add", "office", "--provider", "microsoft", *words)
    first, second, token = failing(owner)
    assert first.replace("sign-in", "mail") == second
    assert first.startswith("sign-in host: 127.0.0.1 cannot be asked: ")
    assert token.startswith("token: it is not enrolled yet")
