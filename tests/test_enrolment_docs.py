"""Holds the two enrolment guides to the code: its options, events, names, numbers and failure texts."""

import ast
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from bridge.cli import account_enrol, group
from providers.google import failures as google_failures
from providers.google import identity as google_identity
from providers.google import quota
from providers.google import settings as google_settings
from providers.google.credential import GoogleGrant
from providers.google.wire import SYSTEM_LABELS
from providers.identity import SetupInvitation
from providers.microsoft import failures as graph_failures
from providers.microsoft import identity as entra_identity
from providers.microsoft import refusals
from providers.microsoft.clouds import ACCESSES, AUTHS, CLOUDS, read_settings
from providers.microsoft.confinement import instructions
from providers.microsoft.wire import WELL_KNOWN
from providers.registry import PROVIDERS

HOUSE = Path(__file__).parent.parent
MICROSOFT = (HOUSE / "docs/enrol-microsoft-365.md").read_text("utf-8")
GOOGLE = (HOUSE / "docs/enrol-gmail.md").read_text("utf-8")
GUIDES = {"microsoft": MICROSOFT, "google": GOOGLE}

Row = Mapping[str, str]

ERRORS = {
    "Unreachable", "Throttled", "AccessRefused", "GrantLost", "FolderMissing", "MessageUnreadable",
    "TokenRefused", "TookTooLong", "AskedInVain", "SignInRefused", "NotTheAddress", "ValueError", "OwnerError",
    "RegisterError", "UsageError", "Damaged",
}  # fmt: skip
"""What is raised with a sentence for the owner; cursors and messages that are gone concern nobody."""

SHARED = (
    "providers/transport.py", "providers/inflation.py", "providers/caller.py", "providers/pasted.py",
    "providers/registry.py", "bridge/accounts/tokens.py", "bridge/accounts/enrolment.py",
    "bridge/app/accounts/examination.py", "bridge/cli/account_add.py", "bridge/cli/account_enrol.py",
    "bridge/cli/handing_over.py",
)  # fmt: skip

SAYING = {
    "microsoft": [
        *HOUSE.glob("providers/microsoft/*.py"),
        *map(HOUSE.joinpath, SHARED),
    ],
    "google": [*HOUSE.glob("providers/google/*.py")],
}
"""Whose sentences each guide holds; what both clouds share is in Microsoft's, and Gmail's leads there."""

INSIDE = {
    "a batch takes … requests": "a mistake of ours, which no owner can make",
    "there is no provider …: choose from …": "the command line takes no other",
    "this provider needs an account that can be enrolled": "a mistake of ours",
    "coded as …, which was not asked for": "follows `the answer of … is …`",
    "followed by something that is not part of it": "follows `the answer of … is …`",
    "cut short": "follows `the answer of … is …`",
    "damaged on the way": "follows `the answer of … is …`",
}
"""Sentences that no owner reads alone, each with the reason."""


# ---- reading a guide


def tables(text: str) -> Iterator[list[Row]]:
    """Yield the rows of each table, by the words of its heading."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *body = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        ]
        yield [dict(zip(head, cells, strict=True)) for cells in body]


def rows(text: str, heading: str) -> list[Row]:
    """Return the rows of all tables that have such a column."""
    return [row for table in tables(text) for row in table if heading in row]


def words(cell: str) -> list[str]:
    """Return what a cell has in code type."""
    return re.findall(r"`([^`]+)`", cell)


def column(text: str, heading: str) -> list[str]:
    return [word for row in rows(text, heading) for word in words(row[heading])]


def told_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command that a reader is to type, lines that go on put together."""
    joined = re.sub(r" \\\n +", " ", text)
    for line in re.findall(r"^ {4,}popbridge (.*)$", joined, re.MULTILINE):
        yield shlex.split(line.partition(" < ")[0], comments=True)


# ---- reading the code


def sentences(node: ast.expr | None, known: Mapping[str, list[str]]) -> list[str]:
    """Return the texts that an expression can be, with … for what is put in."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr():
            parts = (v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
            return ["".join(map(str, parts))]
        case ast.IfExp():
            return sentences(node.body, known) + sentences(node.orelse, known)
        case ast.Dict():
            return [text for value in node.values for text in sentences(value, known)]
        case ast.Call(args=[ast.Dict() as inner]):  # MappingProxyType({...})
            return sentences(inner, known)
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
            return known.get(name, [])
        case _:
            return []


def said(path: Path) -> Iterator[str]:
    """Yield the sentences that a module raises, or finds when it examines."""
    tree = ast.parse(path.read_text("utf-8"))
    known: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name):
                known.setdefault(target.id, []).extend(sentences(node.value, {}))
    if path.name == "examination.py":
        yield from known["text"]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
            if called in ERRORS:
                yield from sentences(node.args[0], known)


ALL_SAID = {
    guide: {text for path in paths for text in said(path)} for guide, paths in SAYING.items()
}


def fits(pattern: str, sentence: str) -> bool:
    expression = ".*".join(re.escape(part) for part in pattern.split("…"))
    return any(re.fullmatch(expression, one) for one in (sentence, sentence.rstrip(".")))


# ---- every failure text


def test_the_code_says_what_this_looks_for() -> None:
    assert len(ALL_SAID["microsoft"]) > 60
    assert len(ALL_SAID["google"]) > 20
    assert "… did not answer in time" in ALL_SAID["microsoft"]


@pytest.mark.parametrize("guide", GUIDES)
def test_every_sentence_of_a_failure_is_in_its_guide(guide: str) -> None:
    quoted = column(GUIDES[guide], "printed")
    waiting = ALL_SAID[guide] - INSIDE.keys()
    assert [one for one in sorted(waiting) if not any(fits(told, one) for told in quoted)] == []


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_quotes_no_sentence_that_the_code_does_not_say(guide: str) -> None:
    everything = set().union(*ALL_SAID.values())
    quoted = column(GUIDES[guide], "printed")
    assert [one for one in quoted if not any(fits(one, text) for text in everything)] == []


@pytest.mark.parametrize("guide", GUIDES)
def test_every_failure_has_a_cause_and_something_to_do(guide: str) -> None:
    failures = rows(GUIDES[guide], "what to do")
    assert len(failures) > 20
    short = [
        row
        for row in failures
        if len(row["cause"]) < 10
        or len(row["what to do"]) < 5
        or not row["cause"].endswith(".")
    ]
    assert short == []


# ---- Microsoft's numbers, words and codes


def test_every_number_of_entra_has_its_row_and_no_other() -> None:
    told = re.findall(
        r"AADSTS(\d+)", " ".join(row["number"] for row in rows(MICROSOFT, "number"))
    )
    assert sorted(map(int, told)) == sorted(refusals.EXPLANATIONS)


@pytest.mark.parametrize("number", refusals.EXPLANATIONS)
def test_a_row_advises_the_options_that_the_bridge_advises(number: int) -> None:
    [row] = [
        r
        for r in rows(MICROSOFT, "number")
        if re.search(rf"\b{number}\b", r["number"].replace("AADSTS", ""))
    ]
    advised = re.findall(r"--[a-z-]+(?: (?:app|browser))?", refusals.EXPLANATIONS[number])
    assert [
        option for option in advised if option not in row["what to do"] + row["cause"]
    ] == []


def test_every_word_of_entra_has_its_row_and_no_other() -> None:
    assert sorted(column(MICROSOFT, "word")) == sorted(vars(refusals)["_BY_ERROR"])


def test_every_code_of_graph_has_its_row_and_no_other() -> None:
    known = {
        *graph_failures.GONE,
        *graph_failures.UNREADABLE,
        *graph_failures.EXPIRED,
        *vars(graph_failures)["_REFUSED"],
    }
    assert sorted(word.lower() for word in column(MICROSOFT, "code")) == sorted(known)


# ---- Google's reasons and words


def test_every_reason_of_gmail_has_its_row_and_no_other() -> None:
    known = {
        *google_failures.REFUSED,
        *google_failures.THROTTLED,
        *vars(google_failures)["_DAILY"],
        *vars(google_failures)["_GONE"],
    }
    assert sorted(word.lower() for word in column(GOOGLE, "reason")) == sorted(known)


def test_every_word_of_googles_sign_in_has_its_row_and_no_other() -> None:
    assert sorted(column(GOOGLE, "word")) == sorted(google_failures.SIGN_IN)


# ---- options and commands


def account_commands() -> Mapping[str, click.Command]:
    command = group.get_command(click.Context(group), "account")
    assert isinstance(command, click.Group)
    return command.commands


@pytest.mark.parametrize("verb", ["add", "enrol", "check"])
def test_every_option_of_an_enrolment_is_in_a_guide(verb: str) -> None:
    options = {
        option for parameter in account_commands()[verb].params for option in parameter.opts
    }
    named = {option for option in options if option.startswith("--")}
    assert named
    told = set(re.findall(r"--[a-z-]+", MICROSOFT + GOOGLE))
    assert named - told <= {"--path"}  # of a local folder, which is not enrolled


@pytest.mark.parametrize(
    "told", [*told_commands(MICROSOFT), *told_commands(GOOGLE)], ids=" ".join
)
def test_every_command_of_a_guide_would_be_taken(told: list[str]) -> None:
    command: click.Command = group
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), told[0])
        assert found is not None
        command, told = found, told[1:]
    context = click.Context(command)
    given, left, _ = command.make_parser(context).parse_args(list(told))
    assert left == []
    for parameter in command.params:
        value = given.get(parameter.name or "")
        assert value is not None or not parameter.required
        if isinstance(parameter.type, click.Choice) and value is not None:
            assert value in parameter.type.choices


@pytest.mark.parametrize("provider", ["microsoft", "google"])
def test_every_account_of_a_guide_goes_together(provider: str) -> None:
    read = {"microsoft": read_settings, "google": google_settings.read_settings}[provider]
    parser = account_commands()["add"].make_parser(click.Context(account_commands()["add"]))
    added = [
        parser.parse_args(words[2:])[0]
        for words in told_commands(GUIDES[provider])
        if words[:2] == ["account", "add"]
    ]
    assert added
    for given in added:
        settings = {k: v for k, v in given.items() if k in PROVIDERS[provider].settings}
        if "service_account" in given:
            settings["auth"] = "service-account"
        assert read(settings)


# ---- events


def events() -> dict[str, set[str]]:
    """Return the fields of every event that `account enrol --json` prints."""
    tree = ast.parse(Path(account_enrol.__file__).read_text("utf-8"))
    return {
        str(node.args[0].value): {str(keyword.arg) for keyword in node.keywords}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "_event"
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_event_is_shown_with_exactly_its_fields() -> None:
    shown = [
        json.loads(line)
        for line in re.findall(r'^ {4}(\{"event".*\})$', MICROSOFT, re.MULTILINE)
    ]
    assert {one.pop("event"): set(one) for one in shown} == events()
    assert {"code", "address", "setup", "enrolled", "failed"} == events().keys()
    assert all(f"`{name}`" in MICROSOFT for name in events())


# ---- settings and names


@pytest.mark.parametrize("access", ACCESSES)
async def test_the_permissions_of_microsoft_are_those_that_are_asked_for(access: str) -> None:
    [row] = [r for r in rows(MICROSOFT, "`--access`") if words(r["`--access`"]) == [access]]
    base = {"client_id": "x", "access": access, "tenant": "example.com"}
    for heading, mailbox in (("own mailbox", ""), ("with `--mailbox`", "scans@example.com")):
        identity = entra_identity.open_identity({**base, "mailbox": mailbox})
        assert identity.missing(frozenset({"openid"})) == set(words(row[heading]))
        await identity.close()
    app = read_settings({**base, "mailbox": "scans@example.com", "auth": "app"})
    steps = "\n".join(instructions(app, has_certificate=True))
    assert re.findall("-Role '(.*?)'", steps) == words(row["app (a role of Exchange)"])


def test_the_steps_that_confine_an_app_are_those_that_are_printed() -> None:
    app = read_settings(
        {
            "client_id": "11111111-2222-3333-4444-555555555555",
            "tenant": "example.com",
            "auth": "app",
            "mailbox": "scans@example.com",
        }
    )
    for line in instructions(app, has_certificate=True):
        assert f"\n    {line}\n" in MICROSOFT


async def test_the_steps_that_delegate_are_those_that_are_printed() -> None:
    settings = {"auth": "service-account", "subject": "scans@example.com"}
    identity = google_identity.open_identity(settings)
    grant = GoogleGrant(credential={"client_id": "104857600000000000000"}).pack()
    invitation = await identity.invite(grant)
    await identity.close()
    assert isinstance(invitation, SetupInvitation)
    assert invitation.instructions
    for line in invitation.instructions:
        assert f"\n       {line}\n" in GOOGLE


def test_the_pages_where_a_browser_ends_are_named() -> None:
    assert f"`{entra_identity.REDIRECT}`" in MICROSOFT
    assert f"`{google_identity.REDIRECT}`" in GOOGLE


def test_every_cloud_is_listed_with_its_hosts() -> None:
    listed = {words(row["`--cloud`"])[0]: row for row in rows(MICROSOFT, "`--cloud`")}
    assert listed.keys() == CLOUDS.keys()
    for name, cloud in CLOUDS.items():
        assert f"https://{listed[name]['sign-in']}" == cloud.authority
        assert f"https://{listed[name]['Graph']}" == cloud.graph_url
        assert listed[name]["`purge`"] == ("yes" if cloud.has_purge else "no")


def test_every_way_to_sign_in_and_every_folder_has_its_name() -> None:
    assert all(f"`--auth {way}`" in MICROSOFT for way in AUTHS)
    assert set(column(MICROSOFT, "write")) > WELL_KNOWN
    assert set(column(GOOGLE, "write")) > SYSTEM_LABELS


@pytest.mark.parametrize("access", google_settings.SCOPES)
def test_the_scopes_of_google_are_those_that_are_asked_for(access: str) -> None:
    [row] = [r for r in rows(GOOGLE, "`--access`") if words(r["`--access`"]) == [access]]
    assert words(row["scope"]) == [google_settings.SCOPES[access]]


def test_the_units_of_gmail_are_those_that_are_paced() -> None:
    listed = rows(GOOGLE, "units")
    assert len(listed) > 4
    for row in listed:
        assert sum(quota.UNITS[call] for call in words(row["call"])) == int(row["units"])
    assert f"{quota.UNITS_PER_MINUTE:,} units" in GOOGLE
