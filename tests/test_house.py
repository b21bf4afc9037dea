"""Holds the documents to the code, and the code to the budgets of the house."""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from statistics import median, quantiles

import attrs
import click
import pytest

import bridge
from bridge import cli, errors
from bridge.cli import group
from bridge.config import settings
from bridge.pop3.replies import ResponseCode
from bridge.pop3.table import diagram
from bridge.storage.messages import MessageState
from tests.tested_elsewhere import TESTED_ELSEWHERE

HOUSE = Path(__file__).parent.parent
PRODUCT = sorted((*HOUSE.glob("bridge/**/*.py"), *HOUSE.glob("providers/**/*.py")))
TESTS = sorted(HOUSE.glob("tests/**/*.py"))
DOCUMENTS = sorted((*HOUSE.glob("*.md"), *HOUSE.glob("docs/**/*.md")))
TEXTS = [
    *PRODUCT, *TESTS, *DOCUMENTS,
    *HOUSE.glob("bridge/**/*.sql"), *HOUSE.glob(".ci/*"),
    *(path for path in HOUSE.glob("packaging/**/*") if path.is_file()),
    HOUSE / "Makefile", HOUSE / "pyproject.toml", HOUSE / "config.example.toml",
]  # fmt: skip

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MEDIAN_FILE_LINES = 180
USUAL_FUNCTION_LINES = 30  # nine of ten are no longer


def shown(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def document(name: str) -> str:
    return (HOUSE / name).read_text("utf-8")


# ---- the command line and its documents


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with the words that call it."""
    context = group.make_context("popbridge", ["status"])
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            for verb, inner in command.commands.items():
                yield f"{name} {verb}", inner
        else:
            yield name, command


COMMANDS = dict(commands())


def options(command: click.Command) -> set[str]:
    long = {word for parameter in command.params for word in parameter.opts}
    return {word for word in long if word.startswith("--")}


def row_of(words: str) -> str:
    """Return the row of docs/commands.md whose first cell begins with these words."""
    rows = re.findall(
        rf"^\| `{words}(?:`| [^`]*`) \|.*$", document("docs/commands.md"), re.MULTILINE
    )
    assert len(rows) == 1, f"docs/commands.md has {len(rows)} rows for {words}"
    return str(rows[0])


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_is_documented_with_exactly_its_options(words: str) -> None:
    usage = row_of(words).split("|")[1]
    assert set(re.findall(r"--[a-z-]+", usage)) == options(COMMANDS[words])
    arguments = [p for p in COMMANDS[words].params if isinstance(p, click.Argument)]
    assert all(f" {argument.human_readable_name.upper()}" in usage for argument in arguments)


def test_the_options_of_the_whole_command_line_are_documented() -> None:
    text = document("docs/commands.md")
    for option in (*options(group), "--help", "--version"):
        assert f"`{option}" in text


def test_the_command_reference_names_no_command_that_is_not_there() -> None:
    rows = re.findall(
        r"^\| `([a-z][a-z-]*(?: [a-z]+)?)\b[^`]*` \|",
        document("docs/commands.md"),
        re.MULTILINE,
    )
    dispositions = {"trash", "archive", "keep", "purge", "mark-read", "move", "label"}
    assert set(rows) - dispositions == set(COMMANDS)


def mentions() -> Iterator[tuple[str, str]]:
    """Yield every `popbridge ...` that a document, a hint or a comment tells a reader to type."""
    for path in (*DOCUMENTS, *PRODUCT, HOUSE / "config.example.toml"):
        for found in re.finditer(
            r"(?:^ {4}|`)popbridge +([a-z][^`\n#{]*)", path.read_text("utf-8"), re.MULTILINE
        ):
            yield shown(path), found[1].strip()


def test_whatever_a_reader_is_told_to_type_is_a_command() -> None:
    told = list(mentions())
    assert len(told) > 20
    wrong = []
    for where, line in told:
        words = line.split()
        is_group = any(name.startswith(f"{words[0]} ") for name in COMMANDS)
        named = " ".join(words[: 1 + is_group])
        choices = re.sub(r"\S+\|\S+", "", named).strip()  # account|maildrop|device: any of them
        known = {word for name in COMMANDS for word in (name, name.split()[0])}
        if choices and choices not in known:
            wrong.append(f"{where}: popbridge {line}")
            continue
        if named in COMMANDS:
            extra = set(re.findall(r"--[a-z-]+", line)) - options(COMMANDS[named]) - {"--help"}
            wrong += [f"{where}: popbridge {line}: {option}" for option in extra]
    assert wrong == []


def test_every_exit_code_is_documented() -> None:
    raised = {
        value.exit_code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.OwnerError)
    }
    ended = set(map(int, re.findall(r"sys\.exit\((\d+)\)", document("bridge/cli/__init__.py"))))
    codes = {0, 2} | raised | ended  # 2 is click's own
    table = re.findall(r"^\| (\d+) \| \S", document("docs/commands.md"), re.MULTILINE)
    assert sorted(map(int, table)) == sorted(codes)
    assert cli.__doc__ is not None
    assert {int(code) for code in re.findall(r"(\d+) [a-z]", cli.__doc__)} == codes


# ---- the architecture page


def test_every_response_code_is_documented_and_no_other() -> None:
    paragraph = document("docs/architecture.md").partition("Response codes")[2].split("\n\n")[0]
    assert set(re.findall(r"`\[([A-Z/-]+)\]`", paragraph)) == {
        code.value for code in ResponseCode
    }


def test_the_state_diagram_is_that_of_the_transition_table() -> None:
    blocks = re.findall(r"```mermaid\n(.*?)\n```", document("docs/architecture.md"), re.DOTALL)
    assert diagram() in blocks


def test_every_state_of_a_message_is_documented_and_no_other() -> None:
    section = document("docs/architecture.md").partition("## States of a message")[2]
    rows = re.findall(r"^\| ([a-z]+) \|", section.partition("\n## ")[0], re.MULTILINE)
    assert rows[1:] == [state.value for state in MessageState]


@pytest.mark.parametrize("path", DOCUMENTS, ids=shown)
def test_every_path_and_link_of_a_document_leads_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    named = re.findall(r"`((?:bridge|providers|tests|docs|packaging)/[\w./-]*)`", text)
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    missing = [name for name in named if not (HOUSE / name).exists()]
    missing += [link for link in links if not (path.parent / link).exists()]
    assert missing == []


def test_every_make_target_a_document_names_is_there() -> None:
    makefile = document("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    told = {
        target
        for path in DOCUMENTS
        for target in re.findall(
            r"(?:^ {4}|`)make ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE
        )
    }
    assert {"run", "test", "check"} <= told <= targets


def test_the_newest_change_is_that_of_this_version() -> None:
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)", document("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == bridge.__version__
    assert len(set(versions)) == len(versions)


def documented_fields(cls: type) -> Iterator[tuple[str, str]]:
    """Yield the fields of a settings class with the text below each."""
    tree = ast.parse(Path(settings.__file__).read_text("utf-8"))
    [node] = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == cls.__name__]
    for field, text in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(text, ast.Expr)
            assert isinstance(text.value, ast.Constant)
            yield field.target.id, str(text.value.value)


@pytest.mark.parametrize("section", ["limits", "sync", "spool", "tls", "alerts", "watch"])
def test_every_limit_says_its_unit(section: str) -> None:
    values = getattr(settings.Config(), section)
    units = re.compile(
        r"\b(seconds|minutes|days|octets|connections|commands|failed logins)\b", re.IGNORECASE
    )
    told = dict(documented_fields(type(values)))
    numbers = {k for k, v in attrs.asdict(values).items() if isinstance(v, int | float)}
    assert numbers
    assert [key for key in numbers if not units.search(told[key])] == []


# ---- budgets and habits


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (
                f"{shown(path)}:{node.lineno} {node.name}",
                (node.end_lineno or 0) - node.lineno + 1,
            )


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_no_file_and_no_function_is_too_long() -> None:
    long = [shown(path) for path in (*PRODUCT, *TESTS) if lines(path) > MAX_FILE_LINES]
    long += [
        name
        for path in (*PRODUCT, *TESTS)
        for name, length in functions(path)
        if length > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_most_files_and_functions_are_short() -> None:
    assert median(lines(path) for path in PRODUCT) <= MEDIAN_FILE_LINES
    lengths = [length for path in PRODUCT for _, length in functions(path)]
    assert quantiles(lengths, n=10)[-1] <= USUAL_FUNCTION_LINES


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty = re.compile(r"(^|_)(utils?|helpers?|common|managers?|base|misc|tools?)(_|$)")
    assert [shown(path) for path in (*PRODUCT, *TESTS) if empty.search(path.stem)] == []


@pytest.mark.parametrize("path", [p for p in PRODUCT if p.name != "__init__.py"], ids=shown)
def test_every_module_has_its_tests_where_one_looks_for_them(path: Path) -> None:
    inside = (
        path.relative_to(HOUSE / "bridge") if path.is_relative_to(HOUSE / "bridge") else None
    )
    mirrored = HOUSE / "tests/unit" / (inside or path.relative_to(HOUSE))
    if not mirrored.with_name(f"test_{path.name}").exists():
        assert shown(path) in TESTED_ELSEWHERE, "no test module of the same name"
        where, reason = TESTED_ELSEWHERE[shown(path)]
        assert reason
        assert (HOUSE / where).exists()


def test_every_suppression_names_its_rule_and_gives_its_reason() -> None:
    asked = re.compile(r"(?:#|^)\s*(noqa|type: ignore|pragma: no)", re.IGNORECASE)
    given = re.compile(
        r"(noqa: [A-Z]+\d+(, [A-Z]+\d+)*|type: ignore\[[a-z, -]+\]|pragma: no \w+).* - \S"
    )
    bare = []
    for path in (*PRODUCT, *TESTS):
        for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline):
            is_one = token.type == tokenize.COMMENT and asked.search(token.string)
            if is_one and not given.search(token.string):
                bare.append(f"{shown(path)}:{token.start[0]} {token.string}")
    assert bare == []


@pytest.mark.parametrize("path", PRODUCT, ids=shown)
def test_every_module_opens_with_its_job_in_one_sentence(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert text
    first, *rest = text.splitlines()
    assert first.endswith((".", "?"))
    assert not rest or rest[0] == ""


def test_nothing_names_a_developers_machine_or_a_package_registry() -> None:
    # Each in brackets, so that this file does not name what it looks for.
    private = re.compile(
        r"(?<![\w.\])}])/(?:wor[k]|roo[t]|hom[e])/|py[p]i|python[h]osted|np[m]js", re.IGNORECASE
    )
    found = []
    for path in TEXTS:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if private.search(line):
                found.append(f"{shown(path)}:{number} {line.strip()}")
    assert found == []


def test_tests_neither_wait_by_the_clock_nor_mock_our_own_code() -> None:
    banned = {"time.sleep", "MagicMock", "AsyncMock", "mock.patch", "unittest.mock"}
    found = [
        f"{shown(path)}: {word}"
        for path in TESTS
        if "benchmarks" not in path.parts and path != Path(__file__)
        for word in banned
        if word in path.read_text("utf-8")
    ]
    assert found == []


def test_version_imports_neither_cryptography_nor_an_event_loop() -> None:
    program = "import sys; sys.argv = ['popbridge', '--version']; import bridge.cli; bridge.cli.main()"
    command = [sys.executable, "-X", "importtime", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert bridge.__version__ in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "bridge.cli" in imported
    heavy = {"asyncio", "cryptography", "sqlite3", "ssl", "cattrs", "uvloop", "socket"}
    assert not {name.partition(".")[0] for name in imported} & heavy


# ---- licences


def test_the_licence_is_the_one_that_is_declared() -> None:
    project = tomllib.loads(document("pyproject.toml"))["project"]
    assert project["license"] == "Apache-2.0"
    assert project["license-files"] == ["LICENSE"]
    text = document("LICENSE")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def needed() -> set[str]:
    """Return every distribution that a plain installation brings along."""
    project = tomllib.loads(document("pyproject.toml"))["project"]
    waiting = [*project["dependencies"], *project["optional-dependencies"]["speed"]]
    found: set[str] = set()
    while waiting:
        name = re.split(r"[^A-Za-z0-9._-]", waiting.pop(), maxsplit=1)[0].lower()
        if name not in found:
            found.add(name)
            required = metadata.requires(name) or []
            waiting += [one for one in required if ";" not in one]
    return found


def test_whatever_is_installed_with_it_may_be_used_by_everybody() -> None:
    free = re.compile(r"\b(MIT|BSD|Apache|PSF|Python Software Foundation|ISC)\b", re.IGNORECASE)
    found = {}
    for name in needed():
        about = metadata.metadata(name)
        named = [about.get("License-Expression", ""), about.get("License", "")]
        found[name] = " ".join([*named, *(about.get_all("Classifier") or [])])
    assert {"attrs", "cattrs", "click", "cryptography"} <= set(found)
    weak = {"certifi"}  # MPL-2.0, a list of CAs that is passed on as it is
    assert [name for name, licence in found.items() if not free.search(licence)] == [*weak]
