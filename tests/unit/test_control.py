import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from bridge import logs
from bridge.control import REQUEST_OCTETS, Control, Values, ask, control_path
from bridge.errors import OwnerError, RegisterError, StateError
from providers.contract import Unreachable


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path


@attrs.define
class Verbs:
    """What a bridge may be asked, and what it was asked."""

    heard: list[Values] = attrs.field(factory=list)

    async def echo(self, request: Values) -> Values:
        self.heard.append(request)
        return {"heard": request}

    async def refuse(self, _request: Values) -> Values:
        raise RegisterError("There is no such account.")

    async def fail_upstream(self, _request: Values) -> Values:
        raise Unreachable("the service does not answer")

    async def fail_on_disk(self, _request: Values) -> Values:
        raise OSError("no space left")

    async def break_down(self, _request: Values) -> Values:
        raise ZeroDivisionError("secret detail")

    def table(self) -> dict[str, object]:
        return {
            "echo": self.echo,
            "refuse": self.refuse,
            "upstream": self.fail_upstream,
            "disk": self.fail_on_disk,
            "break": self.break_down,
        }


@pytest.fixture
async def verbs(state_dir: Path) -> AsyncIterator[Verbs]:
    made = Verbs()
    control = Control(control_path(state_dir), made.table(), logs.get("control"))  # type: ignore[arg-type] - its values are verbs
    opened = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(control.serve(opened))
        await opened.wait()
        yield made
        serving.cancel()


async def asked(state_dir: Path, verb: str, **values: object) -> Values | None:
    return await asyncio.to_thread(ask, state_dir, verb, **values)


async def raw(state_dir: Path, octets: bytes) -> Values:
    """Send octets as they are, and return the answer's line."""
    reader, writer = await asyncio.open_unix_connection(str(control_path(state_dir)))
    writer.write(octets)
    writer.write_eof()
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    answer: Values = json.loads(line) if line else {}
    return answer


@pytest.mark.usefixtures("verbs")
async def test_a_verb_is_carried_out_and_answered(state_dir: Path) -> None:
    answer = await asked(state_dir, "echo", account="büro", number=7)
    heard = {"account": "büro", "number": 7, "asker_uid": os.getuid()}
    assert answer == {"heard": heard}


@pytest.mark.usefixtures("verbs")
async def test_who_asks_is_told_by_the_kernel_not_by_the_asker(state_dir: Path) -> None:
    answer = await asked(state_dir, "echo", asker_uid=4242)
    assert answer == {"heard": {"asker_uid": os.getuid()}}


@pytest.mark.usefixtures("verbs")
async def test_the_socket_is_its_owners_alone(state_dir: Path) -> None:
    assert stat.S_IMODE(control_path(state_dir).stat().st_mode) == 0o600


@pytest.mark.usefixtures("verbs")
async def test_a_refusal_reaches_the_owner_in_its_own_words(state_dir: Path) -> None:
    with pytest.raises(OwnerError, match=r"^There is no such account\.$"):
        await asked(state_dir, "refuse")
    with pytest.raises(OwnerError, match=r"^the service does not answer$"):
        await asked(state_dir, "upstream")


@pytest.mark.usefixtures("verbs")
@pytest.mark.parametrize(
    ("verb", "kind"), [("break", "ZeroDivisionError"), ("disk", "OSError")]
)
async def test_a_fault_in_a_verb_is_told_without_its_details_and_ends_nothing(
    state_dir: Path, caplog: pytest.LogCaptureFixture, verb: str, kind: str
) -> None:
    with pytest.raises(OwnerError, match=f"{kind}; see its log") as raised:
        await asked(state_dir, verb)
    assert "secret detail" not in str(raised.value)
    assert [record.message for record in caplog.records] == ["control-failed"]
    assert await asked(state_dir, "echo") == {"heard": {"asker_uid": os.getuid()}}


@pytest.mark.parametrize(
    "octets",
    [
        b"nonsense\n",
        b"{}\n",
        b"[]\n",
        b"7\n",
        b'"verb"\n',
        b"null\n",
        b'{"verb": "unknown"}\n',
        b'{"verb": null}\n',
        b'{"verb": ["echo"]}\n',
        b'{"verb": "echo"',
        b"\xff\xfe\n",
    ],
)
async def test_what_is_no_request_is_refused(
    state_dir: Path, verbs: Verbs, octets: bytes
) -> None:
    assert "does not know this request" in (await raw(state_dir, octets))["error"]
    assert verbs.heard == []


async def test_a_request_beyond_the_limit_is_dropped_and_the_next_is_heard(
    state_dir: Path, verbs: Verbs
) -> None:
    too_long = b'{"verb": "echo", "x": "' + b"x" * (2 * REQUEST_OCTETS) + b'"}\n'
    try:
        assert await raw(state_dir, too_long) == {}
    except ConnectionError:
        assert verbs.heard == []
    assert await asked(state_dir, "echo") == {"heard": {"asker_uid": os.getuid()}}


@pytest.mark.usefixtures("verbs")
async def test_a_visitor_who_says_nothing_is_answered_with_nothing(state_dir: Path) -> None:
    assert await raw(state_dir, b"") == {}


@pytest.mark.usefixtures("verbs")
async def test_many_ask_at_once(state_dir: Path) -> None:
    answers = await asyncio.gather(*(asked(state_dir, "echo", n=n) for n in range(20)))
    assert answers == [{"heard": {"n": n, "asker_uid": os.getuid()}} for n in range(20)]


async def test_a_socket_that_a_crash_left_behind_is_replaced(state_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(control_path(state_dir)))
    assert await asked(state_dir, "echo") is None
    control = Control(control_path(state_dir), {}, logs.get("control"))
    opened = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(control.serve(opened))
        await opened.wait()
        with pytest.raises(OwnerError, match="does not know"):
            await asked(state_dir, "echo")
        serving.cancel()
    assert not control_path(state_dir).exists()


# ---- the asking side


def test_where_no_bridge_runs_there_is_no_answer(state_dir: Path) -> None:
    assert ask(state_dir, "status") is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every socket")
def test_a_socket_one_may_not_open_is_an_error(state_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(control_path(state_dir)))
        listening.listen()
        control_path(state_dir).chmod(0)
        with pytest.raises(StateError, match=r"cannot be asked: .*\.$"):
            ask(state_dir, "status")


@pytest.mark.parametrize("answer", [b"", b"not json\n", b'{"half": '])
async def test_an_answer_that_is_none_is_an_error(state_dir: Path, answer: bytes) -> None:
    async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(give, control_path(state_dir))
    async with server:
        with pytest.raises(StateError, match="gave no answer"):
            await asked(state_dir, "status")
