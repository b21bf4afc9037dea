from pathlib import Path

import pytest
import trustme

from tests.cli.command_line import Owner
from tests.fakes.cloud_account import FakeCloud, take_place_of
from tests.fakes.plain import trusted

MICROSOFT = ("account", "add", "office", "--provider", "microsoft", "--client-id", "an-app")
GOOGLE = ("account", "add", "office", "--provider", "google")


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    return take_place_of("microsoft", monkeypatch)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    return take_place_of("google", monkeypatch)


def file(owner: Owner, name: str, octets: bytes) -> str:
    path = owner.folder / name
    path.write_bytes(octets)
    return str(path)


def accounts(owner: Owner) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = owner.must("account", "list", "--json").json
    return rows


def at_rest(owner: Owner) -> bytes:
    return b"".join(path.read_bytes() for path in owner.state.glob("popbridge.db*"))


# ---- Microsoft


def test_an_account_of_a_cloud_is_added_without_a_word_to_it_and_is_to_be_enrolled_next(
    owner: Owner, cloud: FakeCloud
) -> None:
    said = owner.must(*MICROSOFT)
    assert said.out == "Account office added. Next: popbridge account enrol office\n"
    assert cloud.identity.prepared == [""]
    assert (cloud.identity.invited, cloud.identity.renewals) == ([], [])
    assert cloud.service.asked == []
    assert (cloud.identity.closed, cloud.service.closed) == (1, 1)
    [row] = accounts(owner)
    assert (row["account"], row["provider"], row["enrolled"]) == (
        "office",
        "microsoft",
        "not yet",
    )


def test_every_option_is_kept_by_its_name(
    owner: Owner, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted(trustme.CA(), owner.folder)
    monkeypatch.chdir(owner.folder)
    given = {
        "tenant": "contoso.example",
        "mailbox": "scans@contoso.example",
        "auth": "browser",
        "cloud": "usgov",
        "graph_url": "https://graph.example",
        "authority": "https://sign.in.example",
        "secret_ends": "2030-01-31",
        "access": "purge",
    }
    options = [
        word for name, value in given.items() for word in ("--" + name.replace("_", "-"), value)
    ]
    owner.must(*MICROSOFT, *options, "--ca", "ca.pem")
    expected = {"client_id": "an-app", **given, "ca": str(owner.folder / "ca.pem")}
    assert cloud.settings == [expected]
    [row] = accounts(owner)
    assert {key: row[key] for key in expected} == expected


def test_what_was_not_given_is_not_kept(owner: Owner, cloud: FakeCloud) -> None:
    owner.must(*MICROSOFT)
    assert cloud.settings == [{"client_id": "an-app"}]


def test_a_client_secret_is_one_line_of_standard_input_and_is_never_seen_again(
    owner: Owner, cloud: FakeCloud
) -> None:
    said = owner.must(*MICROSOFT, "--client-secret-stdin", stdin=b" s3cr3t~word \r\nnext\n")
    assert cloud.identity.prepared == ["s3cr3t~word"]
    shown = said.out + said.err
    for words in (("account", "list"), ("account", "list", "--json"), ("status", "--json")):
        shown += owner.must(*words).out
    assert "s3cr3t" not in shown
    assert b"s3cr3t" not in at_rest(owner)


def test_a_secret_that_cannot_be_used_is_one_sentence_and_adds_nothing(
    owner: Owner, cloud: FakeCloud
) -> None:
    cloud.identity.failures["prepare"].append(ValueError("a device code needs no secret"))
    said = owner.runs(*MICROSOFT, "--client-secret-stdin", stdin=b"s3cr3t\n")
    assert said.code == 1
    assert (
        said.sentence == "What was handed over cannot be used: a device code needs no secret."
    )
    assert accounts(owner) == []


def test_settings_that_do_not_go_together_are_one_sentence(
    owner: Owner, cloud: FakeCloud
) -> None:
    cloud.unusable = "an app needs its own --tenant"
    said = owner.runs(*MICROSOFT)
    assert said.code == 1
    assert said.sentence == "The account office cannot be used: an app needs its own --tenant."
    assert accounts(owner) == []


def test_a_name_that_is_taken_keeps_the_account_that_has_it(
    owner: Owner, cloud: FakeCloud
) -> None:
    owner.must(*MICROSOFT)
    said = owner.runs(*MICROSOFT, "--tenant", "other")
    assert said.code == 1
    assert "There is an account office already" in said.sentence
    [row] = accounts(owner)
    assert "tenant" not in row
    assert cloud.identity.closed == 2


@pytest.mark.parametrize("name", ["", "a b", "-x", "ü"])
def test_a_name_that_is_none_is_refused(owner: Owner, cloud: FakeCloud, name: str) -> None:
    said = owner.runs("account", "add", *MICROSOFT[3:], "--", name)
    assert said.code == 1
    assert "A-Z a-z 0-9" in said.sentence
    assert cloud.settings == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--path", "/mail"), "no option --path"),
        (("--subject", "x@example.com"), "no option --subject"),
        (("--gmail-url", "https://x"), "no option --gmail-url"),
    ],
)
def test_an_option_of_another_provider_is_refused(
    owner: Owner, cloud: FakeCloud, options: tuple[str, ...], named: str
) -> None:
    said = owner.runs(*MICROSOFT, *options)
    assert said.code == 1
    assert named in said.sentence
    assert cloud.settings == []


@pytest.mark.parametrize(
    "words",
    [
        ("--provider", "folder"),
        ("--provider", "microsoft"),
        ("--provider", "google"),
        ("--provider", "microsoft", "--client-id", "x", "--auth", "password"),
        ("--provider", "microsoft", "--client-id", "x", "--cloud", "germany"),
        ("--provider", "microsoft", "--client-id", "x", "--access", "all"),
        ("--provider", "microsoft", "--client-id", "x", "--ca", "nowhere.pem"),
        ("--provider", "google", "--client-file", "nowhere.json"),
    ],
)
def test_what_a_provider_cannot_do_without_or_does_not_know_is_a_wrong_command_line(
    owner: Owner, words: tuple[str, ...]
) -> None:
    said = owner.runs("account", "add", "office", *words)
    assert said.code == 2
    assert said.err.startswith("Usage: popbridge account add")
    assert accounts(owner) == []


@pytest.mark.parametrize("octets", [b"", b"not PEM at all", b"\x30\x82\x01\x00"])
def test_a_ca_that_is_none_is_refused(owner: Owner, cloud: FakeCloud, octets: bytes) -> None:
    said = owner.runs(*MICROSOFT, "--ca", file(owner, "ca.pem", octets))
    assert said.code == 1
    assert "ca.pem holds no CA certificate in PEM" in said.sentence
    assert cloud.settings == []


# ---- Google


def test_a_client_file_is_the_secret_and_no_setting(owner: Owner, google: FakeCloud) -> None:
    path = file(owner, "client.json", b'\n{"installed": {"client_secret": "s3cr3t"}}\n')
    owner.must(*GOOGLE, "--client-file", path)
    assert google.identity.prepared == ['{"installed": {"client_secret": "s3cr3t"}}']
    assert google.settings == [{}]
    assert b"s3cr3t" not in at_rest(owner)


def test_a_service_account_is_known_by_its_key_file(owner: Owner, google: FakeCloud) -> None:
    path = file(owner, "key.json", b'{"type": "service_account"}')
    words = ("--service-account", path, "--subject", "scans@example.com")
    owner.must(*GOOGLE, *words, "--units-per-minute", "3000")
    assert google.identity.prepared == ['{"type": "service_account"}']
    assert google.settings == [
        {
            "auth": "service-account",
            "subject": "scans@example.com",
            "units_per_minute": "3000",
        }
    ]


def test_one_secret_is_enough(owner: Owner, google: FakeCloud) -> None:
    path = file(owner, "x.json", b"{}")
    said = owner.runs(*GOOGLE, "--client-file", path, "--service-account", path)
    assert said.code == 1
    assert said.sentence.startswith("Give one of --client-file, --service-account and")
    assert google.settings == []


@pytest.mark.parametrize(
    ("provider", "option"),
    [
        ("google", "--client-secret-stdin"),
        ("microsoft", "--client-file"),
        ("microsoft", "--service-account"),
        ("folder", "--client-secret-stdin"),
    ],
)
def test_a_secret_of_another_provider_is_refused(
    owner: Owner, google: FakeCloud, provider: str, option: str
) -> None:
    path = file(owner, "x.json", b"{}")
    needed = {
        "google": ("--client-file", path),
        "microsoft": ("--client-id", "x"),
        "folder": ("--path", str(owner.folder)),
    }
    given = (option,) if option.endswith("stdin") else (option, path)
    said = owner.runs("account", "add", "a", "--provider", provider, *needed[provider], *given)
    assert said.code == 2
    assert f"{option} is not for an account of provider {provider}" in said.err
    assert google.settings == []


def test_a_file_that_is_no_text_is_refused_and_not_shown(
    owner: Owner, google: FakeCloud
) -> None:
    path = file(owner, "client.json", b"s3cr3t\xff\xfe")
    said = owner.runs(*GOOGLE, "--client-file", path)
    assert said.code == 1
    assert said.sentence == "The secret is not text; give the file as it was downloaded."
    assert google.settings == []


# ---- the real provider, which needs no network to be added


def test_an_app_without_a_secret_gets_a_key_pair_that_rests_sealed(owner: Owner) -> None:
    words = (
        "--auth",
        "app",
        "--tenant",
        "contoso.example",
        "--mailbox",
        "scans@contoso.example",
    )
    owner.must(*MICROSOFT, *words)
    assert b"PRIVATE KEY" not in at_rest(owner)
    [row] = accounts(owner)
    assert (row["where"], row["enrolled"]) == ("scans@contoso.example", "not yet")
    assert "key" not in row


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--auth", "app"), "--tenant"),
        (("--auth", "app", "--tenant", "t.example"), "--mailbox"),
        (("--graph-url", "http://graph.example"), "--graph-url"),
        (("--secret-ends", "tomorrow"), "--secret-ends"),
        (("--client-secret-stdin",), "device code"),
    ],
)
def test_what_does_not_go_together_names_the_option_to_mend(
    owner: Owner, options: tuple[str, ...], named: str
) -> None:
    said = owner.runs(*MICROSOFT, *options, stdin=b"s3cr3t\n")
    assert said.code == 1
    assert named in said.sentence
    assert "s3cr3t" not in said.sentence
    assert accounts(owner) == []


def test_what_could_not_be_read_is_told(owner: Owner, google: FakeCloud) -> None:
    said = owner.runs(*GOOGLE, "--client-file", str(Path(owner.folder)))
    assert said.code == 2
    assert google.settings == []
