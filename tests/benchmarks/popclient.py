"""One POP3 session over TLS as a device would hold it, blocking and cheap.

There is no host to choose: it speaks to 127.0.0.1 and to nothing else.  A certificate is not verified, because what
is weighed is the server.
"""

import socket
import ssl
import time
from typing import Self

HOST = "127.0.0.1"
PASSWORD = "BenchmarkDevice1"

_END = b"\r\n.\r\n"  # RFC 1939 section 3: no byte-stuffed line can look like it
_READ_OCTETS = 65_536
_EC_PUBLIC_KEY = bytes.fromhex(
    "2a8648ce3d0201"
)  # RFC 5480 section 2.1.1, id-ecPublicKey in DER


class RefusedError(Exception):
    """The server answered something other than +OK, or hung up."""


def tls_context(kind: str) -> ssl.SSLContext:
    """Return the context of a `modern` client (TLS 1.3 where possible) or of an `rsa12` device.

    `rsa12` is TLS 1.2 with an RSA certificate: what a printer of the last ten years negotiates.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if kind == "rsa12":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")
    return context


class PopSession:
    """A connection that has been greeted; leaving the `with` block closes it without QUIT."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        *,
        timeout: float = 30.0,
        window: int = 0,
        address: str = "",
    ) -> None:
        """Connect, shake hands, read the greeting.

        `window` bounds the receive buffer in octets; `address` of the loopback network is where
        the device is to come from, a free choice of the system's by default.
        """
        self._buffer = bytearray(_READ_OCTETS)
        self._view = memoryview(self._buffer)
        raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            raw.settimeout(timeout)
            if window:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if address:
                raw.bind((address, 0))
            raw.connect((HOST, port))
            self._socket = context.wrap_socket(raw)
            self._line()
        except BaseException:
            raw.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def negotiated(self) -> str:
        """Name the protocol, the cipher, and the kind of certificate, for the report."""
        cipher = self._socket.cipher()
        der = self._socket.getpeercert(binary_form=True) or b""
        key = "P-256" if _EC_PUBLIC_KEY in der else "RSA"
        return f"{self._socket.version()} {cipher[0] if cipher else '?'} {key}"

    def command(self, line: str) -> str:
        """Send a command whose answer is one line, and return that line."""
        self._socket.sendall(line.encode("ascii") + b"\r\n")
        return self._line()

    def log_in(self, user: str) -> None:
        """Send USER and PASS."""
        self.command(f"USER {user}")
        self.command(f"PASS {PASSWORD}")

    def message_count(self) -> int:
        """Send STAT and return how many messages there are."""
        return int(self.command("STAT").split()[1])

    def drain(self, line: str, *, pause: float = 0.0) -> int:
        """Send a command with a multi-line answer, read it all, keep none of it, return its octets.

        A `pause` in seconds after every read makes a slow reader.
        """
        self._socket.sendall(line.encode("ascii") + b"\r\n")
        octets, tail = 0, b""
        while tail != _END:
            got = self._read()
            if octets == 0 and self._buffer[0] != ord("+"):
                raise RefusedError(
                    f"{line}: {bytes(self._view[:got]).decode('latin-1').strip()}"
                )
            octets += got
            tail = (tail + self._view[max(0, got - len(_END)) : got])[-len(_END) :]
            if pause:
                time.sleep(pause)
        return octets

    def _read(self) -> int:
        got = self._socket.recv_into(self._view)
        if got == 0:
            raise RefusedError("the server closed the connection")
        return got

    def _line(self) -> str:
        reply = b""
        while not reply.endswith(b"\r\n"):
            reply += self._view[: self._read()]
        if not reply.startswith(b"+OK"):
            raise RefusedError(reply.decode("latin-1").strip())
        return reply.decode("latin-1").strip()
