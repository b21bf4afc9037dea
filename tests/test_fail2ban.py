"""The fail2ban filter we ship finds failed logins in our log as it is written, and nothing else.

fail2ban cuts the time out of a line, puts an address for <ADDR>, and searches with Python's own `re`
(fail2ban/server/failregex.py, filter.py); the real program is run besides where it is installed.
"""

import configparser
import io
import logging
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import logs
from bridge.accounts.directory import Directory
from bridge.errors import LoginRefused
from bridge.names import DeviceName
from bridge.storage.register import Device, Disabled, WhyDisabled
from tests.fakes.clock import FakeClock
from tests.unit.accounts.logging_in import DROP, SEAL, CountingVerifier, StaticRegister

PACKAGED = Path(__file__).parent.parent / "packaging/fail2ban"
FILTER = PACKAGED / "filter.d/popbridge.conf"
ADDR = r"(?:(?:::f{4,6}:)?(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})|(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):)))"
"""As fail2ban 1.0 puts it for the tag, without its brackets around IPv6."""

JOURNAL = "printserver popbridge[812]: "
STRANGER = "203.0.113.9"
MOVED = "192.168.1.21"
STYLES = ("text", "json")


@pytest.fixture(scope="module")
def definition() -> configparser.SectionProxy:
    parser = configparser.ConfigParser()
    parser.read(FILTER, "utf-8")
    return parser["Definition"]


@pytest.fixture(params=STYLES)
def log(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level, loud = root.handlers[:], root.level, logging.raiseExceptions
    stream = io.StringIO()
    logs.configure("info", request.param, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = loud


WRONG, RIGHT = "wrong", "right"


async def fail(
    login: str = "fax",
    password: str = WRONG,
    address: str = STRANGER,
    disabled: Disabled | None = None,
) -> None:
    """Have the real directory refuse a login, and log it."""
    device = Device(
        *(DeviceName("fax"), DROP, RIGHT, ("fax 2",), ("192.168.1.20/32", MOVED)),
        disabled=disabled,
    )
    others = [Device(DeviceName(f"scan@{part}.example"), DROP, RIGHT) for part in "ab"]
    register = StaticRegister([device, *others])
    directory = Directory(register, CountingVerifier(), SEAL, FakeClock(), 30.0)  # type: ignore[arg-type] - it is only read
    await directory.load()

    async def never_came_from(_device: Device, address: str) -> str:
        return "new-address" if address == MOVED else ""

    directory.ask(never_came_from)
    with pytest.raises(LoginRefused):
        await directory.check_password(login, password, address)


def banned(definition: configparser.SectionProxy, line: str) -> str | None:
    """Return the address that fail2ban would count against."""
    without_time = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "", line, count=1)
    for wanted in definition["failregex"].splitlines():
        # The journal's reader has the time from elsewhere, and leaves the line whole.
        for text in (without_time, line):
            found = re.search(wanted.replace("<ADDR>", ADDR), text)
            if found:
                return found["ip4"] or found["ip6"]
    return None


@pytest.mark.parametrize("before", ["", JOURNAL])
@pytest.mark.parametrize("login", ["fax", "FAX", "fax 2", "nobody", 'a" reason=x', "", "scan"])
@pytest.mark.parametrize("address", [STRANGER, "2001:db8::7", "2001:db8:0:1:2:3:4:5"])
async def test_a_wrong_name_or_password_counts_against_its_address(
    definition: configparser.SectionProxy,
    log: io.StringIO,
    before: str,
    login: str,
    address: str,
) -> None:
    await fail(login, address=address)
    assert banned(definition, before + log.getvalue().strip()) == address


async def test_a_right_password_from_a_wrong_place_does_not(
    definition: configparser.SectionProxy, log: io.StringIO
) -> None:
    await fail(password=RIGHT)
    assert '"reason": "address"' in log.getvalue() or "reason=address" in log.getvalue()
    assert banned(definition, log.getvalue().strip()) is None


async def test_a_right_password_of_a_disabled_device_does_not(
    definition: configparser.SectionProxy, log: io.StringIO
) -> None:
    disabled = Disabled(0.0, WhyDisabled.UNSEEN)
    await fail(password=RIGHT, address="192.168.1.20", disabled=disabled)
    assert "disabled" in log.getvalue()
    assert banned(definition, log.getvalue().strip()) is None


async def test_a_right_password_from_an_address_that_is_new_does_not(
    definition: configparser.SectionProxy, log: io.StringIO
) -> None:
    await fail(password=RIGHT, address=MOVED)
    assert "new-address" in log.getvalue()
    assert banned(definition, log.getvalue().strip()) is None


@pytest.mark.parametrize("event", ["login-refused", "session-closed", "x-login-failed"])
def test_other_events_and_what_others_say_do_not(
    definition: configparser.SectionProxy, log: io.StringIO, event: str
) -> None:
    forged = f"WARNING login-failed address={STRANGER} login=x reason=password "
    logs.get("test").warning(event, address=STRANGER, login="x", reason="password")
    logs.get("test").warning("tls-failed", hint=f'{forged}\n{forged}"', login=forged)
    logging.getLogger("library").warning("%s\n%s", forged, forged)
    lines = log.getvalue().splitlines()
    assert len(lines) == 3
    assert [banned(definition, JOURNAL + line) for line in lines] == [None] * 3
    assert [banned(definition, line) for line in lines] == [None] * 3


async def test_the_real_program_counts_the_same(log: io.StringIO, tmp_path: Path) -> None:
    program = shutil.which("fail2ban-regex")
    if program is None:
        pytest.skip("the Debian package fail2ban is not installed")
    for address in (STRANGER, "2001:db8::7"):
        await fail(address=address)
    await fail(password=RIGHT, address="198.51.100.1")
    path = tmp_path / "popbridge.log"
    path.write_text(log.getvalue(), "utf-8")
    done = subprocess.run(  # noqa: ASYNC221 - nothing else runs here
        [program, "--out", "ip", str(path), str(FILTER)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.split() == [STRANGER, "2001:db8::7"]


def test_the_jail_names_the_filter_and_leaves_ones_own_machines_alone() -> None:
    jail = configparser.ConfigParser()
    jail.read(PACKAGED / "jail.d/popbridge.conf", "utf-8")
    assert jail["popbridge"]["filter"] == FILTER.stem
    assert {"127.0.0.0/8", "192.168.0.0/16"} <= set(jail["popbridge"]["ignoreip"].split())


def test_the_documented_order_of_fields_is_that_of_the_code() -> None:
    """Filters of other people's own rely on docs/exposure.md."""
    house = PACKAGED.parent.parent
    page = (house / "docs/exposure.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)
    assert "login-failed" in dict(rows)
    code = "".join(path.read_text("utf-8") for path in house.glob("bridge/**/*.py"))
    for event, fields in rows:
        [call] = re.findall(rf'"{event}",(.*?)\n?\s*\)\n', code, re.DOTALL)
        named = re.findall(r"(?:^|\s)(\w+)=", re.sub(r"#.*", "", call))
        assert named == re.findall(r"\w+", fields), event
