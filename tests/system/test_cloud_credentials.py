"""Secrets, keys and certificates of accounts in the cloud: shown, used, replaced, and told before they end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.cloud_thread import cloud_thread
from tests.system.cloud_home import CloudHome, bare_home
from tests.system.running_bridge import running

FAX = "fax@example.com"
MAIL = b"Subject: job\r\n\r\nprint me\r\n"


@pytest.fixture
def home(template: Path, tmp_path: Path, loop_name: str) -> Iterator[CloudHome]:
    with cloud_thread(tmp_path) as cloud:
        cloud.do(lambda c: c.graph.add_mailbox(FAX).put(MAIL))
        roles = cloud.cloud.entra.client.exchange_roles
        roles[FAX] = "Application Mail.ReadWrite"
        yield bare_home(template, tmp_path / "home", loop_name, cloud)


def app_enrolled(home: CloudHome) -> str:
    """Enrol an app with a key pair, and return its certificate."""
    home.add_microsoft("fax", "--auth", "app", "--mailbox", FAX)
    setup = json.loads(
        home.home.run("account", "enrol", "fax", "--json").stdout.splitlines()[0]
    )
    home.cloud.do(lambda c: c.entra.app_certificates.append(setup["certificate"]))
    home.must("account", "enrol", "fax")
    return str(setup["certificate"])


def test_an_app_shows_one_certificate_until_it_is_uploaded_and_then_prints(
    home: CloudHome,
) -> None:
    home.add_microsoft("fax", "--auth", "app", "--mailbox", FAX)
    first = home.home.run("account", "enrol", "fax", "--json")
    again = home.home.run("account", "enrol", "fax", "--json")
    assert first.returncode == again.returncode == 1
    setup = json.loads(first.stdout.splitlines()[0])
    assert first.stdout.splitlines()[0] == again.stdout.splitlines()[0]
    assert any("New-ManagementScope" in line for line in setup["instructions"])
    home.cloud.do(lambda c: c.entra.app_certificates.append(setup["certificate"]))
    assert "is enrolled" in home.must("account", "enrol", "fax")
    home.add_road("fax")
    with running(home.home) as bridge:
        home.home.sync("fax")
        assert bridge.log_in("fax").retrieve(1) == MAIL


def test_a_new_key_takes_the_place_of_the_old_one_once_it_is_uploaded(home: CloudHome) -> None:
    old = app_enrolled(home)
    before = home.must("account", "check", "fax", "--json")
    with home.enrolling("fax", "--new-key") as journey:
        setup = journey.event()
        assert setup["certificate"] != old
        home.cloud.do(lambda c: c.entra.app_certificates.append(setup["certificate"]))
        journey.paste("uploaded")
        assert journey.event()["event"] == "enrolled"
        assert journey.end()[0] == 0
    home.cloud.do(lambda c: c.entra.app_certificates.remove(old))
    assert "FAIL" not in home.must("account", "check", "fax")
    assert "credential" in before


def test_a_new_key_that_nobody_uploads_leaves_the_old_one_at_work(home: CloudHome) -> None:
    app_enrolled(home)
    done = home.home.run("account", "enrol", "fax", "--new-key", "--json", text="done\n")
    assert done.returncode == 1
    assert "upload it" in done.stderr
    assert "FAIL" not in home.must("account", "check", "fax")


def test_a_secret_that_ends_is_told_and_replaced(home: CloudHome) -> None:
    home.cloud.do(lambda c: c.entra.client.secrets.update(old=None, new=None))
    home.cloud.cloud.entra.client.secrets["new"] = None
    cloud = home.cloud.cloud
    home.must(
        *("account", "add", "fax", "--provider", "microsoft", "--auth", "app"),
        *("--client-id", cloud.entra.client_id, "--tenant", "example.com", "--mailbox", FAX),
        *("--graph-url", cloud.graph.url, "--authority", cloud.entra.url),
        *("--ca", str(cloud.ca_file), "--client-secret-stdin", "--secret-ends", "2020-01-01"),
        text="old\n",
    )
    home.must("account", "enrol", "fax")
    done = home.home.run("account", "check", "fax")
    assert done.returncode == 1
    assert (
        "FAIL  credential: the app's secret or certificate ended on 2020-01-01" in done.stdout
    )
    home.must(
        *("account", "enrol", "fax", "--client-secret-stdin", "--secret-ends", "2999-01-01"),
        text="new\n",
    )
    home.cloud.do(lambda c: c.entra.client.secrets.pop("old"))
    assert "FAIL" not in home.must("account", "check", "fax")


@pytest.mark.parametrize("option", ["--new-key", "--client-file"])
def test_a_credential_of_another_kind_is_refused_and_nothing_changed(
    home: CloudHome, option: str, tmp_path: Path
) -> None:
    home.add_microsoft()
    before = home.must("account", "list", "--json")
    path = tmp_path / "client.json"
    path.write_text("{}", "utf-8")
    given = (option,) if option == "--new-key" else (option, str(path))
    home.add_google()
    name = "gmail" if option == "--new-key" else "office365"
    done = home.home.run("account", "enrol", name, *given, text="\n")
    assert done.returncode == 1
    assert done.stderr.startswith("popbridge: ")
    assert before[2:-3] in home.must("account", "list", "--json")


@pytest.mark.parametrize(
    ("option", "content"), [("--client-file", '{"installed": {}}'), ("--service-account", "{}")]
)
def test_what_belongs_to_one_cloud_is_never_sent_to_the_other(
    home: CloudHome, option: str, content: str, tmp_path: Path
) -> None:
    home.add_microsoft("fax", "--auth", "app", "--mailbox", FAX)
    path = tmp_path / "secret.json"
    path.write_text(content, "utf-8")
    done = home.home.run("account", "enrol", "fax", option, str(path))
    assert done.returncode == 1
    assert "is not for an account that signs in like this one" in done.stderr
    assert home.cloud.do(lambda c: c.entra.asked) == []


def test_an_empty_secret_is_no_wish_for_a_key_pair(home: CloudHome) -> None:
    app_enrolled(home)
    done = home.home.run("account", "enrol", "fax", "--client-secret-stdin", text="\n")
    assert done.returncode == 1
    assert "No secret was given" in done.stderr
    assert "FAIL" not in home.must("account", "check", "fax")


def test_an_enrolment_can_change_what_the_account_may_do_but_not_below_its_maildrops(
    home: CloudHome,
) -> None:
    home.cloud.cloud.entra.device_interval = 1
    home.add_microsoft()
    home.enrol_by_code()
    home.add_road("office365", "move:Printed")
    done = home.home.run("account", "enrol", "office365", "--access", "read")
    assert done.returncode == 1
    assert "choose a wider --access" in done.stderr
    with home.enrolling("office365", "--access", "purge") as journey:
        code = journey.event()["code"]
        home.cloud.do(lambda cloud: cloud.entra.approve(code))
        assert journey.event()["event"] == "enrolled"
        assert journey.end()[0] == 0
    [account] = json.loads(home.must("account", "list", "--json"))
    assert account["access"] == "purge"
