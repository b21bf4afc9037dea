import pytest

from providers.contract import GrantLost
from providers.identity import CodeInvitation
from tests.cli.command_line import Owner
from tests.fakes.cloud_account import FakeCloud, take_place_of

CLOUD = ("--provider", "microsoft", "--client-id", "x")


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    cloud = take_place_of("microsoft", monkeypatch)
    cloud.identity.invitation = CodeInvitation("C", "https://sign.in", 900.0, 0.001, "m")
    cloud.service.put(b"Subject: x\r\n\r\n")
    return cloud


def add(owner: Owner, name: str) -> tuple[str, ...]:
    return ("account", "add", name, "--provider", "folder", "--path", str(owner.mail()))


def test_an_added_account_is_listed_with_its_settings(owner: Owner) -> None:
    said = owner.must(*add(owner, "office"))
    assert "maildrop add MAILDROP --account office" in said.out
    rows = owner.must("account", "list", "--json").json
    path = str(owner.mail())
    assert [(row["account"], row["provider"], row["path"]) for row in rows] == [
        ("office", "folder", path)
    ]
    assert (rows[0]["where"], rows[0]["enrolled"]) == (path, "")
    head, line = owner.must("account", "list").out.splitlines()
    assert head.split() == ["ACCOUNT", "PROVIDER", "WHERE", "ENROLLED"]
    assert line.split() == ["office", "folder", path, "-"]


def test_a_relative_path_is_remembered_in_full(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(owner.mail().parent)
    owner.must("account", "add", "office", "--provider", "folder", "--path", "mail")
    [row] = owner.must("account", "list", "--json").json
    assert row["path"] == str(owner.mail())


def test_an_empty_list_says_how_to_begin(owner: Owner) -> None:
    assert "popbridge account add" in owner.must("account", "list").out
    assert owner.must("account", "list", "--json").json == []


def test_a_name_can_be_given_once(owner: Owner) -> None:
    owner.must(*add(owner, "office"))
    said = owner.runs(*add(owner, "office"))
    assert said.code == 1
    assert "There is an account office already" in said.sentence


@pytest.mark.parametrize("name", ["", "-", "a b", "a/b", "ü", "x" * 65, "a\nb"])
def test_a_name_that_is_none_is_refused_with_what_would_be_valid(
    owner: Owner, name: str
) -> None:
    said = owner.runs("account", "add", "--provider", "folder", "--path", "/", "--", name)
    assert said.code == 1
    assert "A-Z a-z 0-9" in said.sentence


def test_a_mailbox_that_does_not_answer_is_refused(owner: Owner) -> None:
    path = str(owner.folder / "nowhere")
    said = owner.runs("account", "add", "office", "--provider", "folder", "--path", path)
    assert said.code == 1
    assert "nowhere" in said.sentence
    assert owner.must("account", "list", "--json").json == []


def test_an_unknown_provider_is_a_wrong_command_line(owner: Owner) -> None:
    said = owner.runs("account", "add", "a", "--provider", "pigeon", "--path", "/")
    assert said.code == 2
    assert "folder" in said.err


def test_a_removed_account_is_gone(owner: Owner) -> None:
    owner.must(*add(owner, "office"))
    assert "removed" in owner.must("account", "remove", "office").out
    assert owner.must("account", "list", "--json").json == []
    assert owner.must(*add(owner, "office")).code == 0


def test_an_account_in_use_stays_and_names_its_users(owner: Owner) -> None:
    owner.enrol()
    said = owner.runs("account", "remove", "a")
    assert said.code == 1
    assert "still used by maildrop m;" in said.sentence
    assert len(owner.must("account", "list", "--json").json) == 1


@pytest.mark.parametrize("verb", ["remove", "sync"])
def test_an_unknown_account_is_named_with_where_to_look(owner: Owner, verb: str) -> None:
    said = owner.runs("account", verb, "nobody")
    assert said.code == 1
    assert "nobody" in said.sentence
    assert "popbridge account list" in said.sentence


def test_sync_without_a_running_bridge_looks_itself(owner: Owner) -> None:
    owner.enrol()
    said = owner.must("account", "sync", "a")
    assert said.out.startswith("a: 2 announced, 2 delivered")
    assert owner.must("account", "sync", "a").out == "a: nothing new\n"
    owner.mail("3.eml")
    report = owner.must("account", "sync", "a", "--json").json
    assert report["delivered"] == 1
    [drop] = owner.must("status", "--json").json["maildrops"]
    assert drop["listed"] == 3


def test_sync_of_a_mailbox_that_went_away_is_one_sentence(owner: Owner) -> None:
    owner.enrol()
    owner.mail().rename(owner.folder / "elsewhere")
    said = owner.runs("account", "sync", "a")
    assert said.code == 1
    assert "Account a" in said.sentence
    assert not said.sentence.endswith("..")


# ---- accounts of a cloud


def test_a_list_says_where_an_account_lives_and_whether_it_is_enrolled(
    owner: Owner, cloud: FakeCloud
) -> None:
    owner.must("account", "add", "one", *CLOUD)
    owner.must("account", "add", "two", *CLOUD, "--mailbox", "scans@example.com")
    owner.must("account", "add", "three", *CLOUD)
    owner.must("account", "enrol", "two")
    owner.must("account", "enrol", "three")
    cloud.identity.failures["renew"].append(GrantLost("it was revoked"))
    owner.runs("account", "check", "three")
    rows = owner.must("account", "list", "--json").json
    assert [(row["account"], row["where"], row["enrolled"]) for row in rows] == [
        ("one", "the mailbox of whoever enrolled it", "not yet"),
        ("three", "the mailbox of whoever enrolled it", "lost: it was revoked"),
        ("two", "scans@example.com", "yes"),
    ]
    assert "lost: it was revoked" in owner.must("account", "list").out


def test_sync_of_an_account_of_a_cloud_uses_its_grant(owner: Owner, cloud: FakeCloud) -> None:
    owner.must("account", "add", "office", *CLOUD)
    owner.must("account", "enrol", "office")
    owner.must("maildrop", "add", "m", "--account", "office")
    assert owner.must("account", "sync", "office").out == "office: 1 announced, 1 delivered\n"
    assert (cloud.identity.closed, cloud.service.closed) == (4, 4)


def test_sync_of_an_account_that_is_not_enrolled_says_what_to_run(
    owner: Owner, cloud: FakeCloud
) -> None:
    owner.must("account", "add", "office", *CLOUD)
    owner.must("account", "enrol", "office")
    owner.must("maildrop", "add", "m", "--account", "office")
    cloud.identity.outage = GrantLost("it was revoked")
    for _ in range(2):
        said = owner.runs("account", "sync", "office")
        assert said.code == 1
        # The log may have told it first, on standard error.
        last = said.err.splitlines()[-1]
        assert last == "popbridge: Account office cannot be looked at: it was revoked."


def test_a_maildrop_of_an_account_that_is_not_enrolled_says_what_to_run(
    owner: Owner, cloud: FakeCloud
) -> None:
    owner.must("account", "add", "office", *CLOUD)
    said = owner.runs("maildrop", "add", "m", "--account", "office")
    assert said.code == 1
    assert "run `popbridge account enrol office`" in said.sentence
    assert cloud.identity.renewals == []


def test_a_removed_account_takes_its_grant_with_it(owner: Owner, cloud: FakeCloud) -> None:
    owner.must("account", "add", "office", *CLOUD)
    owner.must("account", "enrol", "office")
    owner.must("account", "remove", "office")
    owner.must("account", "add", "office", *CLOUD)
    [row] = owner.must("account", "list", "--json").json
    assert row["enrolled"] == "not yet"
    assert cloud.service.asked == []
