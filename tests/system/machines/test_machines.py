"""Plays every script of this folder: old machines as they are, against the real bridge, over real sockets."""

from pathlib import Path

import pytest

from tests.system.machines.engine import Machine, pattern, play
from tests.system.machines.script import Made, Script
from tests.system.running_bridge import Home

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))

BY_SOCKETS = ("no-quit", "zebra")
"""Beginnings of scripts in which how a socket ends or fills decides: they run on either event loop."""

TURNS = [
    pytest.param(path, loop, id=f"{path.stem}-{loop}")
    for path in SCRIPTS
    for loop in (("asyncio", "uvloop") if path.stem.startswith(BY_SOCKETS) else ("asyncio",))
]


@pytest.fixture
def loop_name(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["loop"])


@pytest.mark.slow
@pytest.mark.parametrize(("path", "loop"), TURNS)
def test_a_machine_is_served_as_written(path: Path, loop: str, home: Home) -> None:
    assert home.loop == loop
    play(Script.read(path), home)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_what_it_shows_and_who_says_so(path: Path) -> None:
    script = Script.read(path)
    assert script.about
    assert script.source


@pytest.mark.parametrize(
    ("changed", "instead", "said"),
    [
        ("S: +OK 2 ...", "S: +OK 3 ...", "heard"),
        ("paper: 2.eml", "paper: 1.eml 2.eml", "paper: there is"),
        ("printed: 1.eml 2.eml", "printed: 2.eml", "printed: there is"),
        ("M: 2.eml", "M: 1.eml", "another message"),
        ("upstream:", "upstream: 1.eml", "upstream: there is"),
    ],
)
@pytest.mark.parametrize("loop", ["asyncio"])
@pytest.mark.slow
def test_a_script_that_goes_otherwise_is_noticed(
    changed: str, instead: str, said: str, loop: str, home: Home, tmp_path: Path
) -> None:
    text = SCRIPTS_BY_NAME["ricoh-abnormal-file"].read_text("utf-8")
    assert changed in text
    assert home.loop == loop
    spoilt = tmp_path / "spoilt.txt"
    spoilt.write_text(text.replace(changed, instead, 1), "utf-8")
    with pytest.raises(AssertionError, match=said):
        play(Script.read(spoilt), home)


SCRIPTS_BY_NAME = {path.stem: path for path in SCRIPTS}


def test_a_name_stands_for_what_it_stood_for_first() -> None:
    machine = Machine(Made("m", "star", "plain"), "m0", "127.0.1.1", known={"one": "5f1c"})
    assert pattern("1 <one>", machine) == r"1\ 5f1c"
    assert pattern("1 <two>", machine) == r"1\ (?P<two>\S+)"


@pytest.mark.parametrize("line", ["maildrop: 3", "machine: m star telex"])
def test_a_file_that_is_not_understood_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.txt"
    path.write_text(f"about: x\n{line}\n\nX:\n", "utf-8")
    with pytest.raises(ValueError, match="is no"):
        Script.read(path)
    path.write_text("about: x\n\nD: 1\n", "utf-8")
    with pytest.raises(ValueError, match="is no act"):
        Script.read(path)
