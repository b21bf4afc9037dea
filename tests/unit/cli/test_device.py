import re

import pytest

from tests.cli.command_line import Owner

SHOWN_ONCE = re.compile(r"Password, shown this once: ([A-Za-z0-9]{16})$", re.MULTILINE)


@pytest.fixture
def holder(owner: Owner) -> Owner:
    path = str(owner.mail("1.eml"))
    owner.must("account", "add", "a", "--provider", "folder", "--path", path)
    owner.must("maildrop", "add", "m", "--account", "a")
    return owner


def everything_at_rest(owner: Owner) -> bytes:
    return b"".join(path.read_bytes() for path in owner.state.rglob("*") if path.is_file())


def test_a_generated_password_is_shown_once_and_kept_nowhere(holder: Owner) -> None:
    said = holder.must("device", "add", "printer", "--maildrop", "m")
    found = SHOWN_ONCE.search(said.out)
    assert found is not None
    password = found[1]
    assert said.out.count(password) == 1
    for verb in (("device", "list"), ("device", "list", "--json"), ("status", "--json")):
        assert password not in holder.must(*verb).out
    assert password.encode() not in everything_at_rest(holder)


def test_two_generated_passwords_differ(holder: Owner) -> None:
    first = holder.must("device", "add", "one", "--maildrop", "m", "--json").json
    second = holder.must("device", "add", "two", "--maildrop", "m", "--json").json
    assert re.fullmatch(r"[A-Za-z0-9]{16}", first["password"])
    assert first["password"] != second["password"]


def test_a_password_from_standard_input_is_never_shown(holder: Owner) -> None:
    words = ("device", "add", "printer", "--maildrop", "m", "--password-stdin")
    said = holder.must(*words, "--json", stdin=b"correct horse\r\nsecond line\n")
    assert said.json == {"device": "printer", "warnings": []}
    said = holder.must("device", "passwd", "printer", "--password-stdin", stdin=b"other\n")
    assert "other" not in said.out
    assert b"correct horse" not in everything_at_rest(holder)


@pytest.mark.parametrize("password", [b"", b"\n", b"x" * 129, b"tab\there\n", b"nul\0\n"])
def test_a_password_that_cannot_be_typed_is_refused(holder: Owner, password: bytes) -> None:
    said = holder.runs(
        "device", "add", "printer", "--maildrop", "m", "--password-stdin", stdin=password
    )
    assert said.code == 1
    assert "1 to 128 printable characters" in said.sentence
    assert holder.must("device", "list", "--json").json == []


def test_every_option_of_a_device_is_listed(holder: Owner) -> None:
    holder.must(
        "device", "add", "printer", "--maildrop", "m", "--apop", "--password-stdin",
        "--allow", "192.168.1.20", "--allow", "fd00::/8",
        "--alias", "OFFICE\\printer", "--alias", "printer@office.example",
        stdin=b"Quite-secret\n",
    )  # fmt: skip
    assert holder.must("device", "list", "--json").json == [
        {
            "device": "printer",
            "maildrop": "m",
            "aliases": ["OFFICE\\printer", "printer@office.example"],
            "allow": ["192.168.1.20/32", "fd00::/8"],
            "apop": "yes",
            "profile": "",
            "disabled": "",
        }
    ]
    out = holder.must("device", "list").out
    assert "192.168.1.20/32, fd00::/8" in out
    assert b"Quite-secret" not in everything_at_rest(holder)


@pytest.mark.parametrize("network", ["printer.lan", "192.168.1.1/24", "", "1.2.3.4/33"])
def test_a_network_that_is_none_is_refused(holder: Owner, network: str) -> None:
    said = holder.runs("device", "add", "d", "--maildrop", "m", "--allow", network)
    assert said.code == 1
    assert "192.168.1.0/24" in said.sentence


@pytest.mark.parametrize("name", ["", "a b", "ü", "x" * 64, "a\nb"])
def test_a_name_that_panels_cannot_hold_is_refused(holder: Owner, name: str) -> None:
    said = holder.runs("device", "add", "--maildrop", "m", "--", name)
    assert said.code == 1
    assert said.sentence


def test_a_login_can_be_given_once_aliases_and_letter_case_included(holder: Owner) -> None:
    holder.must("device", "add", "printer", "--maildrop", "m", "--alias", "p@office.example")
    for words in (
        ("printer",),
        ("PRINTER",),
        ("other", "--alias", "Printer"),
        ("P@Office.example",),
    ):
        said = holder.runs("device", "add", "--maildrop", "m", *words)
        assert said.code == 1, words
        assert "already" in said.sentence
    assert len(holder.must("device", "list", "--json").json) == 1


def test_an_unknown_maildrop_is_refused(holder: Owner) -> None:
    said = holder.runs("device", "add", "d", "--maildrop", "nobody")
    assert said.code == 1
    assert "There is no maildrop nobody" in said.sentence


@pytest.mark.parametrize("verb", ["remove", "passwd"])
def test_an_unknown_device_is_named(holder: Owner, verb: str) -> None:
    said = holder.runs("device", verb, "nobody")
    assert said.code == 1
    assert "There is no device nobody" in said.sentence


def test_a_refused_command_shows_no_password(holder: Owner) -> None:
    said = holder.runs("device", "passwd", "nobody", "--json")
    assert said.code == 1
    assert said.out == ""


def test_passwd_makes_another_password_and_keeps_the_rest(holder: Owner) -> None:
    words = (
        "device",
        "add",
        "d",
        "--maildrop",
        "m",
        "--apop",
        "--allow",
        "10.0.0.0/8",
        "--json",
    )
    first = holder.must(*words).json["password"]
    before = holder.must("device", "list", "--json").json
    second = holder.must("device", "passwd", "d", "--json").json["password"]
    assert first != second
    assert holder.must("device", "list", "--json").json == before


def test_passwd_says_whether_apop_is_taken(holder: Owner) -> None:
    holder.must("device", "add", "d", "--maildrop", "m")
    for word, kept in (("--apop", "yes"), ("--no-apop", "no")):
        holder.must("device", "passwd", "d", word)
        assert holder.must("device", "list", "--json").json[0]["apop"] == kept


def test_what_a_machine_cannot_hold_is_taken_unchecked_alone(holder: Owner) -> None:
    words = ("device", "add", "wf", "--maildrop", "m", "--profile", "pbs-epson")
    by_hand = (*words, "--password-stdin")
    said = holder.runs(*by_hand, stdin=b"x" * 21)
    assert "at most 20 characters" in said.sentence
    holder.must(*by_hand, "--unchecked", stdin=b"x" * 21)


def test_a_removed_device_is_gone_and_its_maildrop_free(holder: Owner) -> None:
    holder.must("device", "add", "d", "--maildrop", "m")
    assert "removed" in holder.must("device", "remove", "d").out
    assert holder.must("device", "list", "--json").json == []
    holder.must("maildrop", "remove", "m", "--yes")


def test_an_empty_list_says_how_to_begin(owner: Owner) -> None:
    assert "popbridge device add" in owner.must("device", "list").out


def test_a_profile_says_what_to_enter_and_refuses_what_does_not_fit(holder: Owner) -> None:
    said = holder.must("device", "add", "mx", "--maildrop", "m", "--profile", "sharp")
    assert SHOWN_ONCE.search(said.out)
    assert "User: mx" in said.out
    words = ("device", "add", "wf", "--maildrop", "m", "--profile", "pbs-epson")
    refused = holder.runs(*words, "--password-stdin", stdin=b"x" * 21)
    assert refused.code == 1
    assert "at most 20 characters" in refused.sentence


def quirks(holder: Owner, device: str) -> dict[str, tuple[str, str]]:
    shown = holder.must("device", "show", device, "--json").json
    return {name: (one["value"], one["from"]) for name, one in shown["quirks"].items()}


def test_a_device_keeps_its_profile_and_its_own_quirks(holder: Owner) -> None:
    words = ("device", "add", "fax", "--maildrop", "m", "--profile", "toshiba-panasonic")
    holder.must(*words, "--set", "last=on")
    [row] = holder.must("device", "list", "--json").json
    assert row["profile"] == "toshiba-panasonic"
    first = quirks(holder, "fax")
    assert first["capa"] == (
        "off",
        "toshiba-panasonic: Panasonic UF-9000 service manual p. 325",
    )
    assert first["last"] == ("on", "this device")
    assert first["wording"] == ("full", "toshiba-panasonic: unverified")
    holder.must("device", "passwd", "fax")
    assert quirks(holder, "fax") == first
    assert "last: on (this device)" in holder.must("device", "show", "fax").out


def test_a_device_is_changed_one_value_at_a_time(holder: Owner) -> None:
    holder.must("device", "add", "fax", "--maildrop", "m", "--profile", "generic-mfp")
    holder.must("device", "change", "fax", "--set", "pipelining=on", "--set", "wording=short")
    holder.must("device", "change", "fax", "--profile", "zebra")
    now = quirks(holder, "fax")
    assert now["pipelining"] == ("on", "this device")
    assert now["wording"] == ("short", "this device")
    holder.must("device", "change", "fax", "--set", "pipelining=profile")
    assert quirks(holder, "fax")["pipelining"] == ("off", "zebra: our choice")
    holder.must("device", "change", "fax", "--profile", "")
    assert quirks(holder, "fax")["pipelining"] == ("on", "standard")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "colour=on"), "no quirk colour"),
        (("--set", "capa=maybe"), "capa cannot be 'maybe'"),
        (("--set", "colour=profile"), "no quirk colour"),
        (("--set", "capa=off", "--set", "stls_advert=off"), "stls_advert matters only where"),
        (("--set", "single_session=busy", "--login-only"), "fax only logs in"),
        (("--profile", "telex"), "no profile telex"),
    ],
)
def test_what_there_is_not_changes_no_device(
    holder: Owner, words: tuple[str, ...], said: str
) -> None:
    holder.must("device", "add", "fax", "--maildrop", "m")
    before = quirks(holder, "fax")
    refused = holder.runs("device", "change", "fax", *words)
    assert refused.code == 1
    assert said in refused.sentence
    assert quirks(holder, "fax") == before


def test_a_quirk_that_changes_nothing_makes_no_device_and_what_is_so_anyway_is_told(
    holder: Owner,
) -> None:
    holder.must("maildrop", "change", "m", "--deliver", "print")
    words = ("device", "add", "fax", "--maildrop", "m", "--profile", "zebra")
    assert "maildrop m delivers print" in holder.runs(*words, "--set", "nul=replace").sentence
    assert holder.must("device", "list", "--json").json == []
    said = holder.must(*words, "--set", "top=on").err
    assert "top was on already (its profile zebra)" in said
    said = holder.must("device", "change", "fax", "--set", "pipelining=off").err
    assert "pipelining was off already (its profile zebra)" in said


def test_a_quirk_without_a_value_is_a_wrong_command_line(holder: Owner) -> None:
    assert "QUIRK=VALUE" in holder.runs("device", "change", "fax", "--set", "capa").err


def test_what_to_enter_and_what_will_not_work_is_told_to_programs_too(holder: Owner) -> None:
    words = ("device", "add", "mx", "--maildrop", "m", "--profile", "sharp", "--apop", "--json")
    said = holder.must(*words)
    assert said.json["panel"]["User"] == "mx"
    assert said.json["panel"]["SSL"] == "on"
    assert any("does not offer APOP" in one for one in said.json["warnings"])
    assert "does not offer APOP" in said.err
    words = ("device", "add", "wf", "--maildrop", "m", "--profile", "pbs-epson", "--json")
    alone = holder.must(*words).json
    assert alone["panel"] == {}
    [warning] = alone["warnings"]
    assert warning.startswith(
        "No listener serves pbs-epson, which needs one that is plain: add a"
    )


def test_a_disabled_device_is_shown_as_such_until_it_is_enabled(holder: Owner) -> None:
    holder.must("device", "add", "fax", "--maildrop", "m")
    assert holder.must("device", "show", "fax", "--json").json["disabled"] is None
    assert holder.must("device", "disable", "fax").out == "Device fax is disabled.\n"
    assert holder.must("device", "disable", "fax").out == "Device fax was disabled already.\n"
    [row] = holder.must("device", "list", "--json").json
    assert row["disabled"] == "by hand"
    shown = holder.must("device", "show", "fax", "--json").json["disabled"]
    assert shown["why"] == "by hand"
    assert shown["since"] > 1_700_000_000
    assert "popbridge device enable fax" in holder.must("device", "show", "fax").out
    said = holder.must("status").out
    assert "Device fax: DISABLED (by hand) since 20" in said
    [one] = holder.must("status", "--json").json["disabled"]
    assert one == {"device": "fax", **shown}
    assert holder.must("device", "enable", "fax").out == "Device fax may log in again.\n"
    assert holder.must("device", "enable", "fax").out == "Device fax was not disabled.\n"
    assert holder.must("status", "--json").json["disabled"] == []
    [row] = holder.must("device", "list", "--json").json
    assert row["disabled"] == ""


@pytest.mark.parametrize("verb", ["disable", "enable"])
def test_a_device_that_is_not_there_is_neither_disabled_nor_enabled(
    holder: Owner, verb: str
) -> None:
    said = holder.runs("device", verb, "nobody")
    assert said.code == 1
    assert "popbridge device list" in said.sentence


# ---- devices that only log in


@pytest.mark.parametrize("words", [(), ("--maildrop", "m", "--login-only")])
def test_what_a_device_sees_is_said_once(holder: Owner, words: tuple[str, ...]) -> None:
    said = holder.runs("device", "add", "fw", *words)
    assert said.code == 2
    assert "--maildrop M, or --login-only" in said.err
    assert holder.must("device", "list", "--json").json == []


def test_a_device_that_only_logs_in_needs_no_account_and_no_maildrop(owner: Owner) -> None:
    owner.must("device", "add", "fw", "--login-only", "--allow", "192.168.1.1")
    [one] = owner.must("device", "list", "--json").json
    assert (one["device"], one["maildrop"]) == ("fw", None)
    assert owner.must("device", "show", "fw", "--json").json["maildrop"] is None
    assert owner.must("device", "show", "fw").out.startswith("fw: only logs in, profile none\n")
    owner.must("device", "change", "fw", "--profile", "auth-only")
    owner.must("device", "passwd", "fw")
    [one] = owner.must("device", "list", "--json").json
    assert (one["maildrop"], one["profile"]) == (None, "auth-only")
    owner.must("device", "remove", "fw")
    assert owner.must("device", "list", "--json").json == []


def test_a_maildrop_for_a_machine_that_only_logs_in_is_warned_of(holder: Owner) -> None:
    words = ("--profile", "auth-only", "--json")
    said = holder.must("device", "add", "fw", "--maildrop", "m", *words)
    assert any("--login-only" in one for one in said.json["warnings"])
    said = holder.must("device", "add", "fw2", "--login-only", *words)
    assert not any("--login-only" in one for one in said.json["warnings"])


def test_a_login_delay_is_set_shown_and_taken_back(holder: Owner) -> None:
    def shown() -> object:
        return holder.must("device", "show", "fax", "--json").json["login_delay"]

    holder.must("device", "add", "fax", "--maildrop", "m", "--login-delay", "60")
    assert shown() == 60
    holder.must("device", "passwd", "fax")
    holder.must("device", "change", "fax", "--profile", "sharp")
    assert shown() == 60
    assert "login delay: 60 seconds (this device)" in holder.must("device", "show", "fax").out
    holder.must("device", "change", "fax", "--login-delay", "0")
    assert shown() == 0
    said = holder.runs("device", "change", "fax", "--login-delay", "soon")
    assert said.code == 1
    assert "write seconds, 0 (none) to 86400, or listener" in said.sentence
    holder.must("device", "change", "fax", "--login-delay", "listener")
    assert shown() is None
    assert "login delay" not in holder.must("device", "show", "fax").out


def test_a_device_is_changed_where_it_stands(holder: Owner) -> None:
    holder.must("device", "add", "fax", "--maildrop", "m", "--alias", "old", "--apop")
    words = ("--alias", "new", "--alias", "new@office.example", "--allow", "192.168.1.20")
    holder.must("device", "change", "fax", *words)
    [one] = holder.must("device", "list", "--json").json
    assert one["aliases"] == ["new", "new@office.example"]
    assert (one["allow"], one["maildrop"], one["apop"]) == (["192.168.1.20/32"], "m", "yes")
    holder.must("device", "change", "fax", "--allow", "any", "--alias", "", "--login-only")
    [one] = holder.must("device", "list", "--json").json
    assert (one["aliases"], one["allow"], one["maildrop"]) == ([], [], None)
    holder.must("device", "change", "fax", "--maildrop", "m")
    assert holder.must("device", "show", "fax", "--json").json["maildrop"] == "m"


def test_a_device_is_not_changed_to_what_cannot_be(holder: Owner) -> None:
    holder.must("device", "add", "fax", "--maildrop", "m")
    holder.must("device", "add", "other", "--maildrop", "m", "--alias", "taken")
    before = holder.must("device", "list", "--json").json
    for words, told in (
        (("--maildrop", "nobody"), "There is no maildrop nobody"),
        (("--alias", "Taken"), "belongs to device other already"),
        (("--allow", ""), "is no network"),
    ):
        assert told in holder.runs("device", "change", "fax", *words).sentence
    said = holder.runs("device", "change", "fax", "--maildrop", "m", "--login-only")
    assert said.code == 2
    assert holder.must("device", "list", "--json").json == before
