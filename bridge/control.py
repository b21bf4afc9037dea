"""The door for the owner's own command line: one JSON line in, one out, over a Unix socket.

The socket lies in the state folder and belongs to the bridge's user alone (0600): who may open it
may read the master key too, so it asks for no password.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
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

Values = dict[str, Any]
Verb = Callable[[Values], Awaitable[Values]]


def control_path(state_dir: Path) -> Path:
    """Return where the socket of a state folder lies."""
    return state_dir / "control.sock"


class Control:
    """The server's end."""

    def __init__(self, path: Path, verbs: Mapping[str, Verb], log: EventLog) -> None:
        """Answer `verbs` at `path`; nothing is opened yet."""
        self._path = path
        self._verbs = verbs
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
            await server.serve_forever()
        finally:
            # Not waited for: a client that says nothing must not hold up the end.
            server.close()
            self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                line = await reader.readline()
            if line:
                answer = await self._carry_out(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, TimeoutError) as error:
            self._log.warning("control-failed", why=str(error))
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _carry_out(self, line: bytes) -> Values:
        try:
            request = json.loads(line)
            verb = self._verbs[request.pop("verb")]
        except (ValueError, KeyError, TypeError, AttributeError):
            return {
                "error": "The running bridge does not know this request; is it an older one?"
            }
        try:
            return await verb(request)
        except (PopbridgeError, ProviderError) as error:
            return {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - the server outlives a fault in a verb
            self._log.exception("control-failed")
            return {"error": f"The running bridge failed: {type(error).__name__}; see its log."}


def ask(
    state_dir: Path, verb: str, *, within: float = ANSWER_SECONDS, **values: object
) -> Values | None:
    """Return the running bridge's answer, or None where no bridge runs on this state folder.

    It is waited for `within` seconds.

    Raises:
        OwnerError: it answered with an error, in its words.
        StateError: it did not answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(within)
        try:
            connection.connect(str(control_path(state_dir)))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise StateError(
                f"The running bridge cannot be asked: {error.strerror}."
            ) from error
        try:
            connection.sendall(json.dumps({"verb": verb, **values}).encode() + b"\n")
            with connection.makefile("rb") as stream:
                answer: Values = json.loads(stream.readline())
        except (OSError, ValueError) as error:
            raise StateError("The running bridge gave no answer; see its log.") from error
    if "error" in answer:
        raise OwnerError(answer["error"])
    return answer
