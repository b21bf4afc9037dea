"""A POP3 client that can be as rude as a device: raw octets, TLS of any age, no politeness of a library.

Every wait has a deadline, so that a server that hangs fails a test and does not stop the suite.
"""

import base64
import socket
import ssl
import struct
import warnings
from pathlib import Path
from types import TracebackType
from typing import Self

DEADLINE_SECONDS = 30.0
"""How long any answer may take before the test fails; far more than a busy machine needs."""

RECEIVE_OCTETS = 262144
"""Octets asked for at once."""


class PopClient:
    """One connection to a server."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._received = bytearray()
        connection.settimeout(DEADLINE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ---- octets

    def send(self, octets: bytes) -> None:
        """Send these very octets."""
        self.socket.sendall(octets)

    def line(self) -> bytes:
        """Return the next line without its CRLF; EOFError where the server has ended."""
        while (end := self._received.find(b"\r\n")) < 0:
            self._more()
        line = bytes(self._received[:end])
        del self._received[: end + 2]
        return line

    def exactly(self, octets: int) -> bytes:
        """Return so many octets and leave what follows them where it is."""
        while len(self._received) < octets:
            self._more(octets - len(self._received))
        found = bytes(self._received[:octets])
        del self._received[:octets]
        return found

    def lines_to_end(self) -> bytes:
        """Return the rest of a multi-line reply, its dots un-stuffed, without the termination."""
        # A reply of no line at all is ".CRLF" and has no CRLF before its dot.
        self._received[:0] = b"\r\n"
        searched = 0
        while (end := self._received.find(b"\r\n.\r\n", searched)) < 0:
            searched = max(0, len(self._received) - 4)
            self._more()
        body = bytes(self._received[: end + 2])
        del self._received[: end + 5]
        return body.replace(b"\r\n.", b"\r\n")[2:]

    def is_over(self) -> bool:
        """Return True once the server has ended the connection, False if it says something else."""
        if self._received:
            return False
        try:
            self._more()
        except EOFError:
            return True
        return False

    def silence(self) -> bytes:
        """Return everything up to the server's end of the connection."""
        try:
            while True:
                self._more()
        except EOFError:
            return bytes(self._received)

    def _more(self, most: int = RECEIVE_OCTETS) -> None:
        try:
            octets = self.socket.recv(min(most, RECEIVE_OCTETS))
        except (ConnectionError, ssl.SSLError) as error:
            raise EOFError(f"the connection broke: {error}") from error
        if not octets:
            raise EOFError("the server ended the connection")
        self._received += octets

    # ---- commands

    def command(self, text: str) -> bytes:
        """Send a command and return its status line."""
        self.send(text.encode() + b"\r\n")
        return self.line()

    def listing(self, text: str) -> list[bytes]:
        """Send a command whose reply has many lines and return them."""
        assert_ok(self.command(text))
        return self.lines_to_end().splitlines()

    def log_in(self, user: str, password: str) -> bytes:
        """Log in with USER and PASS and return the answer to PASS."""
        assert_ok(self.command(f"USER {user}"))
        return self.command(f"PASS {password}")

    def retrieve(self, number: int) -> bytes:
        """Return the octets of a message, as RETR gave them."""
        assert_ok(self.command(f"RETR {number}"))
        return self.lines_to_end()

    def unique_ids(self) -> list[str]:
        """Return the unique-ids of the maildrop, in listing order."""
        return [line.decode().split(" ")[1] for line in self.listing("UIDL")]

    def octets(self) -> list[int]:
        """Return the sizes that LIST says, in listing order."""
        return [int(line.split(b" ")[1]) for line in self.listing("LIST")]

    def quit(self) -> bytes:
        """Say QUIT, return the answer and leave."""
        answer = self.command("QUIT")
        self.close()
        return answer

    # ---- TLS

    def secure(self, context: ssl.SSLContext, host: str | None = "127.0.0.1") -> None:
        """Run the client's side of a TLS handshake."""
        raw, self.socket = self.socket, socket.socket()
        self.socket.close()
        self._received.clear()
        self.socket = context.wrap_socket(raw, server_hostname=host)

    # ---- the end

    def close(self) -> None:
        """Leave without a word."""
        self.socket.close()

    def reset(self) -> None:
        """Leave as a machine does that was switched off and on: with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def connect(
    port: int,
    context: ssl.SSLContext | None = None,
    *,
    source: str = "127.0.0.1",
    host: str | None = "127.0.0.1",
    window: int = 0,
) -> PopClient:
    """Return a client, past its TLS handshake where there is a context; the greeting waits to be read.

    `window` bounds the octets that the system takes before they are asked for.
    """
    raw = socket.socket()
    try:
        if window:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        raw.settimeout(DEADLINE_SECONDS)
        raw.bind((source, 0))
        raw.connect(("127.0.0.1", port))
        client = PopClient(raw)
        if context is not None:
            client.secure(context, host)
    except BaseException:
        raw.close()
        raise
    return client


def trusting(ca: Path) -> ssl.SSLContext:
    """Return a context that trusts this CA and checks the server's name."""
    return ssl.create_default_context(cafile=str(ca))


def old_device(version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    """Return a context that speaks this one TLS version and checks nothing, as old devices do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = version
        context.maximum_version = version
    return context


def assert_ok(line: bytes) -> bytes:
    """Return the status line, which must be positive."""
    assert line.startswith(b"+OK"), line
    return line


def plain_token(user: str, password: str) -> str:
    """Return what AUTH PLAIN carries (RFC 4616)."""
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()
