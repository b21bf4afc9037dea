"""What devices of every age get from each TLS policy, over real sockets."""

import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.system.pop_client import PopClient, assert_ok, connect, old_device, trusting
from tests.system.running_bridge import (
    PASSWORD,
    Home,
    RunningBridge,
    make_home,
    running,
    wait_for_connections,
)

pytestmark = pytest.mark.slow

LISTENERS = (
    {"name": "modern"},
    {"name": "legacy12", "policy": "legacy12"},
    {"name": "legacy10", "policy": "legacy10", "allow": ["127.0.0.0/8"]},
    {"name": "stls", "tls": "starttls"},
    {"name": "stls10", "tls": "starttls", "policy": "legacy10", "allow": ["127.0.0.0/8"]},
)

V = ssl.TLSVersion
DEVICES: dict[str, Callable[[], ssl.SSLContext]] = {
    "tls10": lambda: old_device(V.TLSv1),
    "tls11": lambda: old_device(V.TLSv1_1),
    "rsa-kx": lambda: old_device(V.TLSv1_2, "AES128-SHA:@SECLEVEL=0"),
    "ecdhe": lambda: old_device(V.TLSv1_2, "ECDHE+AESGCM"),
    "tls13": lambda: old_device(V.TLSv1_3),
}
SERVED = {
    "modern": {"ecdhe", "tls13"},
    "legacy12": {"rsa-kx", "ecdhe", "tls13"},
    "legacy10": set(DEVICES),
}
"""Which devices each policy serves; it refuses the others (devices.md section 3.9, RFC 8996)."""


@pytest.fixture(scope="module")
def bridge(
    template: Path, tmp_path_factory: pytest.TempPathFactory, loop_name: str
) -> Iterator[RunningBridge]:
    home = make_home(template, tmp_path_factory.mktemp("tls"), loop_name)
    home.configure(LISTENERS, limits={"connections_per_address": 100})
    with running(home) as one:
        yield one
        one.clients.close()
        wait_for_connections(one, 0)  # whatever failed, its place is free again


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("policy", SERVED)
def test_a_policy_serves_just_the_devices_it_is_for(
    bridge: RunningBridge, policy: str, device: str
) -> None:
    context = DEVICES[device]()
    if device in SERVED[policy]:
        with connect(bridge.ports[policy], context) as client:
            assert_ok(client.line())
            assert_ok(client.quit())
    else:
        failures = len(bridge.log.events("handshake-failed", listener=policy))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(bridge.ports[policy], context)
        event = bridge.log.wait_for("handshake-failed", failures + 1, listener=policy)
        assert "policy legacy" in event["hint"]
    assert_serves(bridge, policy)


def assert_serves(bridge: RunningBridge, listener: str = "modern") -> None:
    """Whatever went wrong before, the next device is served."""
    with connect(bridge.ports[listener], trusting(bridge.home.ca)) as client:
        assert_ok(client.line())
        assert_ok(client.log_in("printer", PASSWORD))
        assert_ok(client.quit())


def certificate_of(client: PopClient) -> x509.Certificate:
    assert isinstance(client.socket, ssl.SSLSocket)
    der = client.socket.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


@pytest.mark.parametrize(
    ("ciphers", "is_rsa"),
    [("ECDHE-RSA-AES128-GCM-SHA256", True), ("ECDHE-ECDSA-AES128-GCM-SHA256", False)],
)
def test_the_certificate_is_the_one_the_device_can_use(
    bridge: RunningBridge, ciphers: str, *, is_rsa: bool
) -> None:
    with connect(bridge.ports["modern"], old_device(V.TLSv1_2, ciphers)) as client:
        key = certificate_of(client).public_key()
        assert isinstance(key, rsa.RSAPublicKey) is is_rsa


@pytest.mark.parametrize(
    "ciphers", ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"]
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_both_certificates_hold_for_the_name_and_the_address(
    bridge: RunningBridge, ciphers: str, host: str
) -> None:
    context = trusting(bridge.home.ca)
    context.maximum_version = V.TLSv1_2
    context.set_ciphers(ciphers)
    with connect(bridge.ports["modern"], context, host=host) as client:
        assert_ok(client.line())


def test_a_device_that_names_no_server_is_served(bridge: RunningBridge) -> None:
    context = trusting(bridge.home.ca)
    context.check_hostname = False
    with connect(bridge.ports["modern"], context, host=None) as client:
        assert_ok(client.line())


def test_a_device_that_expects_another_name_is_told_by_its_own_check(
    bridge: RunningBridge,
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(bridge.ports["modern"], trusting(bridge.home.ca), host="elsewhere.example")
    assert_serves(bridge)


# ---- the wrong port


def test_plaintext_on_the_tls_port_is_closed_and_explained(bridge: RunningBridge) -> None:
    before = len(bridge.log.events("handshake-failed", listener="modern"))
    with connect(bridge.ports["modern"]) as client:
        client.send(b"USER printer\r\n")
        assert b"+OK" not in client.silence()
    event = bridge.log.wait_for("handshake-failed", before + 1, listener="modern")
    assert "plaintext on a TLS port" in event["hint"]
    assert_serves(bridge)


@pytest.mark.parametrize("listener", ["stls", "stls10"])
def test_tls_on_the_plaintext_port_is_closed_and_explained(
    bridge: RunningBridge, listener: str
) -> None:
    before = len(bridge.log.events("tls-on-plaintext-port"))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(bridge.ports[listener], trusting(bridge.home.ca))
    event = bridge.log.wait_for("tls-on-plaintext-port", before + 1)
    assert "implicit TLS port" in event["hint"]
    assert_serves(bridge)


# ---- STLS (RFC 2595 section 4)


def start_tls(
    bridge: RunningBridge, context: ssl.SSLContext, listener: str = "stls"
) -> PopClient:
    client = bridge.connect(listener)
    assert b"STLS" in client.listing("CAPA")
    assert_ok(client.command("STLS"))
    client.secure(context)
    return client


def test_stls_leads_to_a_session_like_any_other(bridge: RunningBridge) -> None:
    client = start_tls(bridge, trusting(bridge.home.ca))
    capabilities = client.listing("CAPA")
    assert b"STLS" not in capabilities
    assert b"USER" in capabilities
    assert_ok(client.log_in("printer", PASSWORD))
    assert_ok(client.quit())


def test_a_password_before_stls_is_refused(bridge: RunningBridge) -> None:
    client = bridge.connect("stls")
    assert client.command("USER printer").startswith(b"-ERR [AUTH]")
    assert b"USER" not in client.listing("CAPA")


def test_commands_glued_behind_stls_are_never_carried_out(bridge: RunningBridge) -> None:
    client = bridge.connect("stls")
    client.send(b"STLS\r\nCAPA\r\nNOOP\r\nQUIT\r\n")
    assert_ok(client.line())
    client.secure(trusting(bridge.home.ca))
    # An injected command would be answered before this one.
    assert client.command("AUTH NONSENSE") == b"-ERR That mechanism is not offered"


def test_stls_serves_old_devices_where_its_policy_says_so(bridge: RunningBridge) -> None:
    client = start_tls(bridge, old_device(V.TLSv1), "stls10")
    assert isinstance(client.socket, ssl.SSLSocket)
    assert client.socket.version() == "TLSv1"
    assert_ok(client.log_in("printer", PASSWORD))
    assert_ok(client.quit())


def test_a_failed_handshake_after_stls_is_logged_and_harms_nobody(
    bridge: RunningBridge,
) -> None:
    before = len(bridge.log.events("handshake-failed"))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        start_tls(bridge, old_device(V.TLSv1_1))
    bridge.log.wait_for("handshake-failed", before + 1)
    start_tls(bridge, trusting(bridge.home.ca)).quit()


def test_a_device_that_leaves_during_a_handshake_harms_nobody(bridge: RunningBridge) -> None:
    before = len(bridge.log.events("handshake-failed"))
    with connect(bridge.ports["modern"]) as client:
        client.send(b"\x16\x03\x01\x02\x00\x01\x00")
    with connect(bridge.ports["modern"]) as client:
        client.reset()
    bridge.log.wait_for("handshake-failed", before + 2)
    assert_serves(bridge)


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_a_device_that_does_not_trust_the_ca_is_explained(
    bridge: RunningBridge, version: ssl.TLSVersion
) -> None:
    before = len(bridge.log.events("handshake-failed"))
    context = ssl.create_default_context()
    context.minimum_version = context.maximum_version = version
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(bridge.ports["modern"], context)
    hint = bridge.log.wait_for("handshake-failed", before + 1)["hint"]
    assert "does not trust the bridge's CA" in hint
    assert_serves(bridge)


# ---- renewal


def serial(bridge: RunningBridge, ca: Path) -> int:
    with connect(bridge.ports["pop3s"], trusting(ca)) as client:
        return certificate_of(client).serial_number


def test_a_renewed_certificate_serves_new_sessions_and_keeps_old_ones(
    home: Home, start: Callable[[], RunningBridge]
) -> None:
    bridge = start()
    session = bridge.log_in()
    before = serial(bridge, home.ca)
    done = home.run("cert", "renew")
    assert (done.returncode, done.stderr) == (0, "")
    bridge.log.wait_for("certificates-reloaded")
    assert serial(bridge, home.ca) != before
    assert_ok(session.command("NOOP"))
    assert_ok(session.quit())


def make_own_certificate(folder: Path, name: str) -> None:
    key, certificate = str(folder / "own.key.new"), str(folder / "own.pem.new")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    words += ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    words += ["-keyout", key, "-out", certificate]
    subprocess.run(["openssl", *words], check=True, capture_output=True)
    for path in (key, certificate):
        Path(path).rename(path.removesuffix(".new"))


def test_replaced_own_certificate_files_are_taken_up_at_a_hangup(
    home: Home, start: Callable[[], RunningBridge]
) -> None:
    make_own_certificate(home.folder, "first")
    paths = {"certificate": "own.pem", "key": "own.key"}
    home.configure(certificates=[paths])
    bridge = start()
    own = home.folder / "own.pem"
    client = bridge.clients.enter_context(connect(bridge.ports["pop3s"], trusting(own)))
    assert_ok(client.line())
    assert_ok(client.log_in("printer", PASSWORD))
    before = serial(bridge, own)
    make_own_certificate(home.folder, "second")
    bridge.signal(signal.SIGHUP)
    bridge.log.wait_for("reloaded")
    assert serial(bridge, own) != before
    assert_ok(client.quit())


def test_a_broken_replacement_is_reported_and_the_old_certificate_stays(
    home: Home, start: Callable[[], RunningBridge]
) -> None:
    bridge = start()
    before = serial(bridge, home.ca)
    for path in (home.state / "tls").glob("server-*.pem"):
        path.write_text("no certificate")
    bridge.signal(signal.SIGHUP)
    event = bridge.log.wait_for("certificates-kept")
    assert "stays in use" in event["why"]
    assert serial(bridge, home.ca) == before
