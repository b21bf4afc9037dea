import sys

import attrs
import pytest

from bridge.shaping.wish import Wish
from tests.cli.command_line import Owner


@pytest.fixture
def holder(owner: Owner) -> Owner:
    path = str(owner.mail("1.eml"))
    owner.must("account", "add", "a", "--provider", "folder", "--path", path)
    return owner


def test_a_maildrop_moves_what_is_deleted_unless_its_owner_says_otherwise(
    holder: Owner,
) -> None:
    said = holder.must("maildrop", "add", "m", "--account", "a")
    assert "move:Printed" in said.out
    assert "device add USER --maildrop m" in said.out
    assert holder.must("maildrop", "list", "--json").json == [
        {
            "maildrop": "m",
            "account": "a",
            "folder": "",
            "on-dele": "move:Printed",
            "on-outage": "serve",
            "print-once": "24 h",
            "ceiling": "2048 MiB",
            "admits": "everything",
            "deliver": "original",
        }
    ]


CHOICES = ("--on-outage", "error", "--print-once", "0", "--ceiling", "10")


def chosen(holder: Owner) -> list[str]:
    [row] = holder.must("maildrop", "list", "--json").json
    return [row[name] for name in ("on-dele", "on-outage", "print-once", "ceiling")]


def test_what_an_owner_chooses_is_kept(holder: Owner) -> None:
    holder.must("maildrop", "add", "m", "--account", "a", *CHOICES)
    assert chosen(holder) == ["move:Printed", "error", "0 h", "10 MiB"]


def test_what_is_given_is_changed_and_nothing_else(holder: Owner) -> None:
    holder.must("maildrop", "add", "m", "--account", "a", *CHOICES)
    said = holder.must("maildrop", "change", "m", "--on-dele", "trash").out
    assert "on-dele trash, on-outage error" in said
    assert chosen(holder) == ["trash", "error", "0 h", "10 MiB"]
    holder.must("maildrop", "change", "m", "--on-outage", "empty", "--print-once", "48")
    assert chosen(holder) == ["trash", "empty", "48 h", "10 MiB"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("m",), "Nothing to change"),
        (("nobody", "--ceiling", "1"), "There is no maildrop nobody"),
        (("m", "--on-dele", "mark-read"), "cannot do mark-read"),
        (("m", "--on-dele", "move:../x"), "cannot be used"),
        (("m", "--allow-sender", "not an address"), "names no sender"),
        (("m", "--deny-sender", "*@far.example"), "write far.example for the whole domain"),
        (("m", "--allow-sender", "jo?@far.example"), "names no sender"),
        (("m", "--refused", "move:Refused"), "--refused matters only where"),
        (
            ("m", "--tiff", "profile-f"),
            "--tiff matters only where deliver is ifax, and here it",
        ),
        (("m", "--oversize", "skip"), "--oversize matters only where a largest size is set"),
        (
            ("m", "--ceiling", "9", "--mdn", "strip"),
            "--mdn matters only where deliver is print",
        ),
        (("m", "--refused", "burn"), "choose stay or move:FOLDER"),
        (("m", "--refused", "stay:x"), "choose stay or move:FOLDER"),
        (("m", "--refused", "move:"), "choose stay or move:FOLDER"),
        (("m", "--refused", "move:../x", "--subject", "x"), "cannot be used"),
        (("m", "--authenticated", "require"), "does not tell whether a sender is genuine"),
        (("m", "--deny-sender", "any", "--deny-sender", "a.example"), "'any' names no sender"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_changes_nothing(
    holder: Owner, words: tuple[str, ...], what: str
) -> None:
    holder.must("maildrop", "add", "m", "--account", "a")
    before = chosen(holder)
    assert what in holder.runs("maildrop", "change", *words).sentence
    assert chosen(holder) == before


def test_what_a_maildrop_admits_is_chosen_changed_and_taken_away(holder: Owner) -> None:
    holder.must(
        "maildrop", "add", "m", "--account", "a", "--allow-sender", "Boss@Office.example"
    )
    holder.must(
        "maildrop", "change", "m", "--deny-sender", ".spam.example", "--automatic", "hold"
    )
    said = holder.must("maildrop", "change", "m", "--subject", "print", "--max-age", "7").out
    assert (
        "admits from boss@office.example; not from .spam.example; subject with 'print';"
        " of 7 days at most; nothing automatic" in said
    )
    away = (
        "--allow-sender",
        "any",
        "--deny-sender",
        "any",
        "--subject",
        "any",
        "--max-age",
        "0",
    )
    assert holder.must("maildrop", "change", "m", *away, "--automatic", "any").out.endswith(
        "admits everything.\n"
    )


def test_how_messages_arrive_is_chosen_and_kept_until_it_is_changed(holder: Owner) -> None:
    holder.must("maildrop", "add", "m", "--account", "a", "--deliver", "command")
    assert holder.must("maildrop", "list", "--json").json[0]["deliver"] == "command"
    holder.must("maildrop", "change", "m", "--ceiling", "10")
    assert holder.must("maildrop", "list", "--json").json[0]["deliver"] == "command"
    said = holder.must("maildrop", "change", "m", "--deliver", "original").out
    assert "deliver original" in said
    assert holder.must("maildrop", "list", "--json").json[0]["deliver"] == "original"


def test_a_fax_has_knobs_of_its_own(holder: Owner) -> None:
    fax = ("--deliver", "ifax", "--tiff", "profile-f", "--fax-text", "page", "--fax-pages", "9")
    holder.must("maildrop", "add", "m", "--account", "a", *fax)
    said = holder.must("maildrop", "list", "--json").json[0]["deliver"]
    assert said == "ifax; tiff profile-f; fax-text page; fax-pages 9"


def test_every_knob_of_a_wish_is_chosen_told_and_taken_back(holder: Owner) -> None:
    words = ("--charset", "utf-8", "--line-limit", "76", "--headers", "few")
    words += ("--attachments", "tiff, PDF,tiff", "--inline-floor", "0", "--signatures", "drop")
    words += ("--size", "5000000", "--oversize", "skip", "--crypto", "pass", "--mdn", "strip")
    words += ("--max-parts", "20", "--deliver", "ifax", "--tiff", "profile-f")
    words += ("--fax-text", "drop", "--fax-pages", "3")
    chosen_of = {word[2:].replace("-", "_") for word in words if word.startswith("--")}
    assert chosen_of - {"size"} | {"size_octets"} == set(attrs.fields_dict(Wish))
    holder.must("maildrop", "add", "m", "--account", "a", *words)
    assert holder.must("maildrop", "list", "--json").json[0]["deliver"] == (
        "ifax; charset utf-8; line-limit 76; headers few; attachments tiff, pdf; inline-floor 0;"
        " signatures drop; size 5000000; oversize skip; crypto pass; mdn strip; max-parts 20;"
        " tiff profile-f; fax-text drop; fax-pages 3"
    )
    said = holder.must("maildrop", "change", "m", "--size", "none").out
    assert "signatures drop; crypto pass" in said
    assert said.endswith("Kept, and without effect as the maildrop is now: oversize skip.\n")
    said = holder.must("maildrop", "change", "m", "--attachments", "none").out
    assert "attachments none" in said


def test_what_loses_its_effect_is_said_once_it_does_and_not_shown(holder: Owner) -> None:
    fax = ("--deliver", "ifax", "--tiff", "profile-f", "--refused", "move:Refused")
    holder.must("maildrop", "add", "m", "--account", "a", *fax)
    said = holder.must("maildrop", "change", "m", "--deliver", "print").out.splitlines()
    assert said[1:] == [
        "Kept, and without effect as the maildrop is now: tiff profile-f; refused move:Refused."
    ]
    [row] = holder.must("maildrop", "list", "--json").json
    assert (row["deliver"], row["admits"]) == ("print", "everything")
    said = holder.must("maildrop", "change", "m", "--deliver", "ifax").out.splitlines()
    assert len(said) == 1
    [row] = holder.must("maildrop", "list", "--json").json
    assert row["deliver"] == "ifax; tiff profile-f"
    assert row["admits"] == "nothing automatic; what is refused moved to Refused"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--attachments", "pdf,word"), "'word' is no kind; choose of pdf, tiff, jpeg"),
        (("--attachments", ""), "'' is no kind"),
        (("--size", "2MB"), "'2MB' is no size; write octets from 4096 to 2147483648, or none"),
        (("--size", "4095"), "write octets from 4096"),
        (("--line-limit", "75"), "75 is not in the range 76<=x<=998"),
        (("--max-parts", "0"), "0 is not in the range 1<=x<=1000"),
        (("--oversize", "split"), "'split' is not one of 'notice', 'skip', 'original'"),
    ],
)
def test_a_knob_that_cannot_be_turned_so_is_refused(
    holder: Owner, words: tuple[str, ...], what: str
) -> None:
    said = holder.runs("maildrop", "add", "m", "--account", "a", *words)
    assert said.code == 2
    assert what in " ".join(said.err.split())


def test_a_fax_that_nothing_here_can_draw_is_refused(
    holder: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    said = holder.runs("maildrop", "add", "m", "--account", "a", "--deliver", "ifax")
    assert said.code == 2
    assert "ifax needs Pillow: install popbridge[ifax], then choose it again." in said.err


def test_a_shape_that_is_none_is_refused_with_the_valid_ones(holder: Owner) -> None:
    said = holder.runs("maildrop", "add", "m", "--account", "a", "--deliver", "papyrus")
    assert said.code == 2
    assert "command" in said.err
    assert holder.must("maildrop", "list", "--json").json == []


def test_how_many_a_session_sees_and_in_which_order_is_chosen(holder: Owner) -> None:
    holder.must("maildrop", "add", "m", "--account", "a", "--at-most", "5", "--order", "newest")
    [row] = holder.must("maildrop", "list", "--json").json
    assert row["admits"] == "5 a session; the newest first"
    holder.must("maildrop", "change", "m", "--attachment", "require")
    [row] = holder.must("maildrop", "list", "--json").json
    assert "with something to print" in row["admits"]
    holder.must("maildrop", "change", "m", "--attachment", "ignore")
    holder.must("maildrop", "change", "m", "--at-most", "0", "--order", "oldest")
    [row] = holder.must("maildrop", "list", "--json").json
    assert row["admits"] == "everything"


def test_what_is_refused_goes_to_a_folder_and_comes_back_when_it_is_released(
    holder: Owner,
) -> None:
    choice = ("--subject", "print", "--refused", "move:Refused")
    holder.must("maildrop", "add", "m", "--account", "a", *choice)
    holder.must("account", "sync", "a")
    holder.must("account", "sync", "a")
    assert len(list((holder.mail() / "Refused").iterdir())) == 1
    [row] = holder.must("message", "list", "--json").json
    assert row["state"] == "disposed"
    assert "its subject is without 'print'" in holder.must("message", "list").out
    holder.must("message", "redeliver", "1")
    [row] = holder.must("message", "list", "--json").json
    assert row["state"] == "ready"
    holder.must("maildrop", "change", "m", "--refused", "stay")
    [row] = holder.must("maildrop", "list", "--json").json
    assert row["admits"] == "subject with 'print'"


@pytest.mark.parametrize("day", ["now", "2026-11-28"])
def test_a_cut_over_is_a_day_or_the_present(holder: Owner, day: str) -> None:
    holder.must("maildrop", "add", "m", "--account", "a", "--not-before", day)
    [row] = holder.must("maildrop", "list", "--json").json
    assert row["admits"] == "after a cut-over"
    holder.must("maildrop", "change", "m", "--not-before", "any")
    assert holder.runs("maildrop", "change", "m", "--not-before", "28.11.2026").code == 2


@pytest.mark.parametrize("wanted", ["keep", "trash", "move:Done", "purge"])
def test_every_disposition_a_directory_can_do_is_kept(holder: Owner, wanted: str) -> None:
    holder.must("maildrop", "add", "m", "--account", "a", "--on-dele", wanted)
    [row] = holder.must("maildrop", "list", "--json").json
    assert row["on-dele"] == wanted


def test_a_maildir_can_mark_read_and_a_directory_cannot(holder: Owner) -> None:
    order = ("maildrop", "add", "m", "--on-dele", "mark-read", "--account")
    said = holder.runs(*order, "a")
    assert said.code == 1
    assert "mark-read" in said.sentence
    maildir = holder.folder / "Maildir"
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
    holder.must("account", "add", "md", "--provider", "folder", "--path", str(maildir))
    holder.must(*order, "md")


@pytest.mark.parametrize("wanted", ["burn", "", "move", "move:", "keep:x", "MOVE:x"])
def test_a_disposition_that_is_none_is_refused_with_the_valid_ones(
    holder: Owner, wanted: str
) -> None:
    said = holder.runs("maildrop", "add", "m", "--account", "a", "--on-dele", wanted)
    assert said.code == 1
    assert "keep" in said.sentence
    assert "purge" in said.sentence


def test_a_maildrop_of_a_folder_that_is_there_shows_that_folder(holder: Owner) -> None:
    (holder.mail() / "Faxes").mkdir()
    holder.must("maildrop", "add", "m", "--account", "a", "--folder", "Faxes")
    [row] = holder.must("maildrop", "list", "--json").json
    assert row["folder"] == "Faxes"


def test_a_folder_that_is_not_there_is_refused(holder: Owner) -> None:
    said = holder.runs("maildrop", "add", "m", "--account", "a", "--folder", "Nowhere")
    assert said.code == 1
    assert "Nowhere" in said.sentence


def test_a_folder_outside_the_mailbox_is_refused(holder: Owner) -> None:
    said = holder.runs("maildrop", "add", "m", "--account", "a", "--folder", "../state")
    assert said.code == 1
    assert said.sentence


def test_an_unknown_account_is_refused(holder: Owner) -> None:
    said = holder.runs("maildrop", "add", "m", "--account", "nobody")
    assert said.code == 1
    assert "There is no account nobody" in said.sentence


def test_a_name_can_be_given_once(holder: Owner) -> None:
    holder.must("maildrop", "add", "m", "--account", "a")
    said = holder.runs("maildrop", "add", "m", "--account", "a")
    assert said.code == 1
    assert "There is a maildrop m already" in said.sentence


def test_a_maildrop_in_use_stays_and_names_its_devices(owner: Owner) -> None:
    owner.enrol()
    said = owner.runs("maildrop", "remove", "m", "--yes")
    assert said.code == 1
    assert "still used by device d;" in said.sentence
    assert len(owner.must("maildrop", "list", "--json").json) == 1


def test_removing_asks_first_and_takes_no_for_an_answer(holder: Owner) -> None:
    holder.must("maildrop", "add", "m", "--account", "a")
    said = holder.runs("maildrop", "remove", "m", stdin=b"n\n")
    assert said.code == 1
    assert len(holder.must("maildrop", "list", "--json").json) == 1
    assert "removed" in holder.must("maildrop", "remove", "m", stdin=b"y\n").out
    assert holder.must("maildrop", "list", "--json").json == []


def test_removing_with_yes_asks_nothing_and_forgets_the_spool(holder: Owner) -> None:
    holder.must("maildrop", "add", "m", "--account", "a")
    holder.must("account", "sync", "a")
    assert len(list((holder.state / "bodies").iterdir())) == 1
    holder.must("maildrop", "remove", "m", "--yes")
    assert list((holder.state / "bodies").iterdir()) == []
    assert holder.must("account", "remove", "a").code == 0


def test_an_unknown_maildrop_is_named(owner: Owner) -> None:
    said = owner.runs("maildrop", "remove", "nobody", "--yes")
    assert said.code == 1
    assert "There is no maildrop nobody" in said.sentence


def test_an_empty_list_says_how_to_begin(owner: Owner) -> None:
    assert "popbridge maildrop add" in owner.must("maildrop", "list").out
    assert owner.must("maildrop", "list", "--json").json == []


def test_a_profile_chooses_how_messages_arrive_where_the_owner_does_not(holder: Owner) -> None:
    words = ("maildrop", "add", "--account", "a", "--profile")
    holder.must(*words, "generic-mfp", "1")
    holder.must(*words, "generic-mfp", "2", "--deliver", "command")
    holder.must(*words, "hp-cmd", "3")
    holder.must(*words, "pbs-epson", "4")
    holder.must(*words, "generic-mfp", "5", "--size", "none")
    holder.must(*words, "generic-mfp", "6", "--size", "1000000")
    rows = holder.must("maildrop", "list", "--json").json
    first, second, third, fourth, fifth, sixth = (row["deliver"] for row in rows)
    assert first == "print; size 2000000"
    assert second == "command; size 2000000"
    assert (third, fourth) == ("command", "original")
    assert (fifth, sixth) == ("print", "print; size 1000000")
    assert "no profile telex" in holder.runs(*words, "telex", "7").sentence


def test_a_fax_is_said_to_be_given_nothing_automatic(holder: Owner) -> None:
    """Without a choice the loop guard holds it (`bridge.admission.LOOPING`)."""
    holder.must("maildrop", "add", "m", "--account", "a")
    assert (
        "admits everything." in holder.must("maildrop", "change", "m", "--print-once", "1").out
    )
    changed = holder.must("maildrop", "change", "m", "--deliver", "ifax").out
    assert "admits nothing automatic." in changed
    changed = holder.must("maildrop", "change", "m", "--automatic", "list").out
    assert "admits what is automatic too." in changed


def test_help_begins_with_how_messages_arrive_and_ends_with_faxes(holder: Owner) -> None:
    told = holder.must("maildrop", "change", "--help").out
    places = [told.index(name) for name in ("--deliver", "--charset", "--tiff", "--fax-pages")]
    assert places == sorted(places)
