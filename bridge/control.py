"""The door for the owner's own command line: a JSON line in, one or many out, over a Unix socket.

The socket lies in the state folder and belongs to the bridge's user alone (0600): who may open it
may read the master key too, so it asks for no password.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from bridge.errors import OwnerError, PopbridgeError, StateError
from bridge.logs import EventLog
from providers.contract import ProviderError

REQUEST_OCTETS = 65536
"""Longest request or answer line taken."""

REQUEST_SECONDS = 5.0
"""How long a client may take to say what it wants."""

ANSWER_SECONDS = 120.0
"""How long the command line waits for an answer: a look at a large folder takes its time."""

STATUS_SECONDS = 5.0
"""How long the command line waits for what the bridge has at hand."""

STALLED_SECONDS = 30.0
"""How long an asker may take nothing of its answer: a suspended one (Ctrl-Z) may come back."""

FAREWELL_SECONDS = 1.0
"""How long the last line of an answer may take to leave."""

UNKNOWN = "The running bridge does not know this request; is it an older one?"

NO_ANSWER = "The running bridge gave no answer; see its log."

ASKER_UID = "asker_uid"
"""Under which a verb finds in its request whose process asks, as the kernel says (unix(7), SO_PEERCRED)."""

Values = dict[str, Any]
Verb = Callable[[Values], Awaitable[Values]]
Stream = Callable[[Values], AsyncGenerator[Values, None]]
"""A verb that answers with many lines, for as long as it likes or until its asker leaves."""


def control_path(state_dir: Path) -> Path:
    """Return where the socket of a state folder lies."""
    return state_dir / "control.sock"


class Control:
    """The server's end."""

    def __init__(
        self,
        path: Path,
        verbs: Mapping[str, Verb],
        log: EventLog,
        streams: Mapping[str, Stream] | None = None,
    ) -> None:
        """Answer `verbs` and `streams` at `path`; nothing is opened yet."""
        self._path = path
        self._verbs = verbs
        self._streams = streams or {}
        self._log = log

    async def serve(self, opened: asyncio.Event | None = None) -> None:
        """Answer until cancelled, and set `opened` once requests are heard.

        The state folder's lock makes sure that nobody else does.
        """
        self._path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._answer, self._path, limit=REQUEST_OCTETS)
        self._path.chmod(0o600)
        if opened is not None:
            opened.set()
        try:
            # Not serve_forever: its end waits for every client from Python 3.12 on.
            await asyncio.get_running_loop().create_future()
        finally:
            # Not waited for: a client that says nothing must not hold up the end.
            server.close()
            self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                line = await reader.readline()
            if line:
                await self._carry_out(line, reader, writer)
        except (OSError, ValueError, TimeoutError) as error:
            self._log.warning("control-failed", why=str(error))
        finally:
            writer.close()
            try:
                with suppress(OSError):  # a TimeoutError among them
                    async with asyncio.timeout(FAREWELL_SECONDS):
                        await writer.wait_closed()
            finally:
                writer.transport.abort()  # what a reader that stalls has not taken is dropped

    async def _carry_out(
        self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            request = json.loads(line)
            name = request.pop("verb")
            request[ASKER_UID] = _asker_uid(writer)
            stream = self._streams.get(name)
            verb = self._verbs[name] if stream is None else None
        except (ValueError, KeyError, TypeError, AttributeError):
            await _write(writer, {"error": UNKNOWN})
            return
        if verb is not None:
            await _write(writer, await self._tried(verb(request)))
        elif stream is not None:
            await self._stream(stream(request), reader, writer)

    async def _stream(
        self,
        lines: AsyncGenerator[Values, None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Write lines as they come, until there are no more or the asking side has left."""

        async def write_all() -> Values:
            async with aclosing(lines):
                async for line in lines:
                    try:
                        await _write(writer, line)
                    except OSError:
                        break  # the asking side has left, or stalls
            return {}

        async def write() -> None:
            if failed := await self._tried(write_all()):
                with suppress(OSError):
                    await _write(writer, failed)

        async def wait_for_the_end() -> None:
            with suppress(OSError):
                await reader.read()

        async with asyncio.TaskGroup() as group:
            both = group.create_task(write()), group.create_task(wait_for_the_end())
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()

    async def _tried(self, work: Awaitable[Values]) -> Values:
        try:
            return await work
        except (PopbridgeError, ProviderError) as error:
            return {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - the server outlives a fault in a verb
            self._log.exception("control-failed")
            return {"error": f"The running bridge failed: {type(error).__name__}; see its log."}


def _asker_uid(writer: asyncio.StreamWriter) -> int:
    connection = writer.get_extra_info("socket")
    size = struct.calcsize("3i")  # struct ucred: pid, uid, gid
    octets = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = struct.unpack("iII", octets)
    return int(uid)


async def _write(writer: asyncio.StreamWriter, values: Values) -> None:
    writer.write(json.dumps(values).encode() + b"\n")
    async with asyncio.timeout(STALLED_SECONDS):
        await writer.drain()


def ask(
    state_dir: Path, verb: str, *, within: float = ANSWER_SECONDS, **values: object
) -> Values | None:
    """Return the running bridge's answer, or None where no bridge runs on this state folder.

    It is waited for `within` seconds.

    Raises:
        OwnerError: it answered with an error, in its words.
        StateError: it did not answer.
    """
    connection = _connected(state_dir, within)
    if connection is None:
        return None
    with connection:
        for answer in _answers(connection, {"verb": verb, **values}):
            return answer
    raise StateError(NO_ANSWER)


def follow(
    state_dir: Path, verb: str, within: float, **values: object
) -> Generator[Values, None, None] | None:
    """Return the lines of a running bridge's long answer, or None where no bridge runs.

    They may end without a word: then the bridge did. It is waited for `within` seconds, and as
    long again as for any answer. Closed, it leaves the bridge.

    Raises:
        OwnerError: it answered with an error, in its words.
        StateError: it did not answer; raised by the iterator too.
    """
    connection = _connected(state_dir, within + ANSWER_SECONDS)
    return None if connection is None else _answers(connection, {"verb": verb, **values})


def _connected(state_dir: Path, within: float) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(within)
    try:
        connection.connect(str(control_path(state_dir)))
    except OSError as error:
        connection.close()
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return None
        raise StateError(f"The running bridge cannot be asked: {error.strerror}.") from error
    return connection


def _answers(connection: socket.socket, request: Values) -> Generator[Values, None, None]:
    with connection:
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as stream:
                for line in stream:
                    answer: Values = json.loads(line)
                    if "error" in answer:
                        raise OwnerError(answer["error"])
                    yield answer
        except (OSError, ValueError) as error:
            raise StateError(NO_ANSWER) from error
