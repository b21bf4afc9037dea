"""Holds the systemd unit to the program that it starts."""

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.app.health.wellness import PROBE_SECONDS
from bridge.cli import COMMANDS, group
from bridge.config import Config
from bridge.errors import ConfigError
from bridge.vault.keyring import CREDENTIAL_NAME

UNIT = Path(__file__).parent.parent / "packaging/popbridge.service"

WRONG_COMMAND_LINE = 2  # click's own


@pytest.fixture(scope="module")
def service() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] - systemd's names have capitals
    parser.read(UNIT, "utf-8")
    return parser["Service"]


def test_it_starts_the_program_as_its_command_line_is(
    service: configparser.SectionProxy,
) -> None:
    program, option, config_file, command = shlex.split(service["ExecStart"])
    assert Path(program).name == "popbridge"
    assert option in {word for parameter in group.params for word in parameter.opts}
    assert Path(config_file).is_absolute()
    assert command in COMMANDS
    assert service["ExecReload"].endswith("/kill -HUP $MAINPID")


def test_it_waits_for_what_the_program_says(service: configparser.SectionProxy) -> None:
    assert service["Type"] == "notify"
    assert "AF_UNIX" in service["RestrictAddressFamilies"].split()
    minutes = re.fullmatch(r"(\d+)min", service["WatchdogSec"])
    assert minutes
    # Half of it passes before the first probe that may fail; two more must fit into the rest.
    assert int(minutes[1]) * 60 / 2 >= 3 * PROBE_SECONDS


def test_it_does_not_start_again_what_only_an_owner_can_mend(
    service: configparser.SectionProxy,
) -> None:
    assert service["Restart"] == "on-failure"
    left_alone = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert left_alone == {WRONG_COMMAND_LINE, ConfigError.exit_code}


def test_it_leaves_no_core_dump(service: configparser.SectionProxy) -> None:
    assert service["LimitCORE"] == "1"


def test_nothing_it_starts_reads_the_memory_of_another() -> None:
    """@system-service holds @ipc, and that process_vm_readv(2); the last line about a call counts."""
    lines = re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    assert lines == ["@system-service", "~process_vm_readv process_vm_writev"]


def test_it_owns_the_folder_that_is_the_default(service: configparser.SectionProxy) -> None:
    assert Path("/var/lib", service["StateDirectory"]) == Config().state_dir
    assert CREDENTIAL_NAME in UNIT.read_text("utf-8")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    text = UNIT.read_text("utf-8")
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert [line for line in done.stderr.splitlines() if UNIT.name in line] == []
