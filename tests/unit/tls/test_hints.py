import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.config import TlsPolicy
from bridge.tls.contexts import TlsContexts
from bridge.tls.hints import handshake_hint, looks_like_client_hello
from bridge.tls.issuer import server_certificate_files

Handshake = Callable[..., Any]
MakeClient = Callable[..., ssl.SSLContext]
V = ssl.TLSVersion


@pytest.fixture(scope="module")
def contexts(ca_folder: Path) -> TlsContexts:
    return TlsContexts(server_certificate_files(ca_folder))


def server_error_after(context: ssl.SSLContext, octets: bytes) -> ssl.SSLError:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(octets)
    incoming.write_eof()
    with pytest.raises(ssl.SSLError) as raised:
        server.do_handshake()
    return raised.value


@pytest.mark.parametrize(
    "first_line",
    [
        b"USER printer\r\n",
        b"user printer\r\n",
        b"AUTH PLAIN\r\n",
        b"CAPA\r\nSTLS\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"CONNECT mail:995 HTTP/1.1\r\n\r\n",
    ],
)
def test_plaintext_on_the_tls_port_is_called_plaintext(
    contexts: TlsContexts, first_line: bytes
) -> None:
    error = server_error_after(contexts.context("modern"), first_line)

    assert "speaks plaintext on a TLS port" in handshake_hint(error)


@pytest.mark.parametrize("policy", ["modern", "legacy12"])
@pytest.mark.parametrize("version", [V.TLSv1, V.TLSv1_1])
def test_an_old_protocol_points_to_legacy10(
    contexts: TlsContexts,
    handshake: Handshake,
    client_context: MakeClient,
    policy: TlsPolicy,
    version: ssl.TLSVersion,
) -> None:
    outcome = handshake(contexts.context(policy), client_context(version))

    assert "a listener with policy legacy10" in handshake_hint(outcome.server_error)


def test_old_ciphers_point_to_legacy12(
    contexts: TlsContexts, handshake: Handshake, client_context: MakeClient
) -> None:
    client = client_context(V.TLSv1_2, "AES128-SHA:@SECLEVEL=0")

    outcome = handshake(contexts.context("modern"), client)

    assert "a listener with policy legacy12" in handshake_hint(outcome.server_error)


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_a_client_without_our_ca_is_told_to_import_it(
    contexts: TlsContexts,
    handshake: Handshake,
    client_context: MakeClient,
    version: ssl.TLSVersion,
) -> None:
    outcome = handshake(contexts.context("modern"), client_context(version, trusting=False))

    assert isinstance(outcome.client_error, ssl.SSLCertVerificationError)
    assert "does not trust the bridge's CA" in handshake_hint(outcome.server_error)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("TLSV1_ALERT_UNKNOWN_CA", "does not trust the bridge's CA"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "does not trust the bridge's CA"),
        ("SSLV3_ALERT_CERTIFICATE_UNKNOWN", "does not trust the bridge's CA"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "set the device's clock"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "refused the handshake"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "policy legacy10"),
    ],
)
def test_an_alert_of_the_device_says_what_it_means(reason: str, said: str) -> None:
    # The alerts of devices that no client here can imitate; OpenSSL fills `reason` in the same way.
    error = ssl.SSLError(1, f"[SSL: {reason}] as the device put it")
    error.reason = reason

    assert said in handshake_hint(error)


def test_an_unknown_reason_is_named() -> None:
    error = ssl.SSLError(1, "[SSL: BAD_DIGEST_LENGTH] something rare")
    error.reason = "BAD_DIGEST_LENGTH"

    assert "bad digest length" in handshake_hint(error)
    assert "no reason given" in handshake_hint(ssl.SSLError(1, "nothing"))


def test_a_device_that_hangs_up_may_not_trust_us(contexts: TlsContexts) -> None:
    error = server_error_after(contexts.context("modern"), b"")

    assert "hung up during the handshake" in handshake_hint(error)
    assert handshake_hint(ConnectionResetError()) == handshake_hint(error)


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionAbortedError("taking too long")])
def test_a_silent_device_may_wait_for_starttls(error: BaseException) -> None:
    assert "did not finish the handshake in time" in handshake_hint(error)


def test_an_error_of_our_own_is_not_blamed_on_the_device() -> None:
    assert "failed here" in handshake_hint(MemoryError())


def test_every_hint_is_one_line() -> None:
    errors = [TimeoutError(), ConnectionResetError(), ssl.SSLError(1, "x"), KeyError("x")]

    assert all("\n" not in handshake_hint(error) for error in errors)


@pytest.mark.parametrize("version", [V.TLSv1, V.TLSv1_2, V.TLSv1_3])
def test_a_real_client_hello_is_recognised(
    client_context: MakeClient, version: ssl.TLSVersion
) -> None:
    outgoing = ssl.MemoryBIO()
    client = client_context(version).wrap_bio(ssl.MemoryBIO(), outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()

    assert looks_like_client_hello(outgoing.read())


@pytest.mark.parametrize("octets", [b"\x16", b"\x80\x2e\x01\x03\x00\x00\x15"])
def test_the_first_octet_and_the_old_framing_of_a_hello_are_recognised(octets: bytes) -> None:
    """RFC 5246 appendix E.2: hellos framed as SSL 2 did."""
    assert looks_like_client_hello(octets)


@pytest.mark.parametrize(
    "octets", [b"", b"\x80\x2e\x02", b"USER x\r\n", b"\x03\x16", b"\x17\x03\x03"]
)
def test_anything_else_is_no_client_hello(octets: bytes) -> None:
    assert not looks_like_client_hello(octets)
