"""A CA and server certificates for the whole run, and handshakes with no socket between."""

import datetime as dt
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from bridge.tls.issuer import create_ca, issue_server_certificates

NAMES = ("print.example.test", "192.0.2.7", "2001:db8::7", "printserver")


@pytest.fixture(scope="session")
def today() -> dt.datetime:
    """The handshakes are real, so the certificates must be valid on the machine's own clock."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 - see the docstring


@pytest.fixture(scope="session")
def ca_folder(tmp_path_factory: pytest.TempPathFactory, today: dt.datetime) -> Path:
    """Shared and therefore never changed: a test that changes files copies it first."""
    folder = tmp_path_factory.mktemp("tls")
    create_ca(folder, today)
    issue_server_certificates(folder, NAMES, today)
    return folder


@attrs.frozen
class Outcome:
    """How a handshake went, on both sides."""

    server_error: Exception | None
    client_error: Exception | None
    version: str | None
    cipher: str | None
    peer_certificate: bytes | None

    @property
    def succeeded(self) -> bool:
        return self.server_error is None and self.client_error is None


@pytest.fixture(scope="session")
def handshake() -> Callable[..., Outcome]:
    """Return a function that lets a client context shake hands with a server context."""
    return _handshake


def _handshake(
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    server_hostname: str | None = None,
) -> Outcome:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=server_hostname)
    errors: dict[ssl.SSLObject, Exception | None] = {client: None, server: None}
    for _ in range(4):  # the longest handshake needs two round trips and a half
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                errors[side] = errors[side] or error
    # In TLS 1.3 the server is done before the client looks: its alert comes with the first read.
    if errors[server] is None:
        errors[server] = _error_of_first_read(server)
    done = errors[client] is None
    cipher = client.cipher()
    return Outcome(
        server_error=errors[server],
        client_error=errors[client],
        version=client.version(),
        cipher=cipher[0] if cipher else None,
        peer_certificate=client.getpeercert(binary_form=True) if done else None,
    )


def _error_of_first_read(server: ssl.SSLObject) -> Exception | None:
    try:
        server.read(1)
    except ssl.SSLWantReadError:
        return None
    except ssl.SSLError as error:
        return error
    return None


@pytest.fixture(scope="session")
def client_context(ca_folder: Path) -> Callable[..., ssl.SSLContext]:
    """Return a function that makes a client which speaks one version and these ciphers."""

    def make(
        version: ssl.TLSVersion | None = None,
        ciphers: str | None = None,
        *,
        trusting: bool = True,
    ) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        if trusting:
            context.load_verify_locations(ca_folder / "ca.pem")
        context.set_ciphers(ciphers or "DEFAULT:@SECLEVEL=0")
        if version is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = version
        return context

    return make
