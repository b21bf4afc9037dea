import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import __version__
from bridge.cli import COMMANDS, group, main
from tests.cli.command_line import Owner, run


def test_version_is_that_of_the_package() -> None:
    assert run("--version").out == f"popbridge, version {__version__}\n"


@pytest.mark.parametrize("words", [("--help",), ("-h",)])
def test_help_lists_every_command(words: tuple[str, ...]) -> None:
    said = run(*words)
    assert said.code == 0
    for name, text in COMMANDS.items():
        assert name in said.out
        assert text.split()[0] in said.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    said = run(name, "--help")
    assert said.code == 0
    assert f"popbridge {name}" in said.out


def test_the_one_line_of_a_command_in_the_list_is_the_promise_of_its_file() -> None:
    context = group.make_context("popbridge", ["status"])
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("--nonsense",),
        ("account",),
        ("account", "nonsense"),
        ("account", "add"),
        ("account", "add", "a", "--provider", "folder"),
        ("maildrop", "add", "m"),
        ("device", "add", "d"),
        ("status", "surplus"),
        (),
    ],
)
def test_a_wrong_command_line_is_exit_code_2_and_shows_the_usage(
    words: tuple[str, ...],
) -> None:
    said = run(*words)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("Usage: popbridge")


def test_no_command_leaves_a_core_dump_behind(tmp_path: Path) -> None:
    """Keys and passwords lie in our memory; core(5). One octet: no program is handed a dump either."""
    program = (
        "import atexit, os, resource, sys; sys.argv = ['popbridge', '--version'];"
        "hard = resource.getrlimit(resource.RLIMIT_CORE)[1];"
        "resource.setrlimit(resource.RLIMIT_CORE, (hard, hard));"
        "atexit.register(os.abort);"
        "atexit.register(lambda: print(resource.getrlimit(resource.RLIMIT_CORE)[0], flush=True));"
        "from bridge.cli import main; main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        limit = process.stdout.read().splitlines()[-1]
        ended = os.waitid(os.P_PID, process.pid, os.WEXITED)
    assert ended is not None
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    assert limit == ("0" if hard == 0 else "1")
    assert ended.si_code == os.CLD_KILLED  # and not CLD_DUMPED
    assert list(tmp_path.iterdir()) == []


class Broken(io.RawIOBase):
    """Standard input at which somebody presses Ctrl-C, or that fails as nobody foresaw."""

    def __init__(self, failure: BaseException) -> None:
        super().__init__()
        self._failure = failure

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise self._failure


@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (
            RuntimeError("one\ntwo"),
            70,
            "popbridge: internal fault, please report it: RuntimeError: one\n",
        ),
        (
            RuntimeError("got b'PASS hunter2'"),
            70,
            "popbridge: internal fault, please report it: RuntimeError: got b'PASS [redacted]\n",
        ),
    ],
)
def test_ctrl_c_and_faults_of_our_own_have_their_exit_codes_and_no_traceback(
    owner: Owner,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    failure: BaseException,
    code: int,
    said: str,
) -> None:
    words = ["--config", str(owner.config), "device", "passwd", "d", "--password-stdin"]
    monkeypatch.setattr(sys, "argv", ["popbridge", *words])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Broken(failure))))
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == code
    assert capsys.readouterr().err == said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_of_somebody_else_is_one_sentence(owner: Owner) -> None:
    owner.state.chmod(0)
    try:
        said = owner.runs("account", "list")
    finally:
        owner.state.chmod(0o700)
    assert said.code == 4
    assert str(owner.state) in said.sentence
