import datetime as dt
import shutil
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from bridge.config import CertificateFiles, TlsPolicy
from bridge.errors import StateError
from bridge.tls.contexts import TlsContexts, build_context
from bridge.tls.issuer import issue_server_certificates, server_certificate_files

Handshake = Callable[..., Any]
MakeClient = Callable[..., ssl.SSLContext]
V = ssl.TLSVersion
ANY = "DEFAULT:@SECLEVEL=0"
OLD_PRINTER = "AES128-SHA:@SECLEVEL=0"
RSA_CHAIN, P256_CHAIN = "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"


@pytest.fixture(scope="module")
def contexts(ca_folder: Path) -> TlsContexts:
    return TlsContexts(server_certificate_files(ca_folder))


@pytest.fixture
def shake(
    contexts: TlsContexts, handshake: Handshake, client_context: MakeClient
) -> Callable[..., Any]:
    """Return a function that tries one client on one policy."""
    return lambda policy, version, ciphers: handshake(
        contexts.context(policy), client_context(version, ciphers)
    )


@pytest.fixture
def own_folder(ca_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ca_folder, tmp_path / "tls")


@pytest.mark.parametrize(
    ("policy", "version", "ciphers"),
    [
        ("modern", V.TLSv1_2, "ECDHE-RSA-CHACHA20-POLY1305"),
        ("modern", V.TLSv1_2, ANY),
        ("modern", V.TLSv1_3, ANY),
        ("legacy12", V.TLSv1_2, OLD_PRINTER),
        ("legacy12", V.TLSv1_2, "ECDHE-RSA-AES128-SHA256:@SECLEVEL=0"),
        ("legacy12", V.TLSv1_3, ANY),
        ("legacy10", V.TLSv1, ANY),
        ("legacy10", V.TLSv1, OLD_PRINTER),
        ("legacy10", V.TLSv1_1, ANY),
        ("legacy10", V.TLSv1_1, OLD_PRINTER),
        ("legacy10", V.TLSv1_2, OLD_PRINTER),
        ("legacy10", V.TLSv1_3, ANY),
    ],
)
def test_a_policy_accepts_what_its_devices_speak(
    shake: Callable[..., Any], policy: TlsPolicy, version: ssl.TLSVersion, ciphers: str
) -> None:
    outcome = shake(policy, version, ciphers)

    assert outcome.succeeded
    assert outcome.version == version.name.replace("_", ".")


@pytest.mark.parametrize(
    ("policy", "version", "ciphers"),
    [
        ("modern", V.TLSv1, ANY),
        ("modern", V.TLSv1_1, ANY),
        ("modern", V.TLSv1_2, OLD_PRINTER),
        ("modern", V.TLSv1_2, "AES128-GCM-SHA256"),
        ("modern", V.TLSv1_2, "ECDHE-RSA-AES128-SHA256:@SECLEVEL=0"),
        ("legacy12", V.TLSv1, ANY),
        ("legacy12", V.TLSv1_1, ANY),
    ],
)
def test_a_policy_refuses_what_is_weaker(
    shake: Callable[..., Any], policy: TlsPolicy, version: ssl.TLSVersion, ciphers: str
) -> None:
    """RFC 8996 for the versions, RFC 9325 section 4.1 for the ciphers."""
    outcome = shake(policy, version, ciphers)

    assert isinstance(outcome.server_error, ssl.SSLError)


@pytest.mark.parametrize("policy", ["modern", "legacy12", "legacy10"])
def test_no_policy_offers_a_suite_without_encryption_or_authentication(
    contexts: TlsContexts, policy: TlsPolicy
) -> None:
    ciphers = contexts.context(policy).get_ciphers()

    assert ciphers
    assert all(cipher["strength_bits"] >= 128 for cipher in ciphers)
    assert {cipher["auth"] for cipher in ciphers} <= {"auth-rsa", "auth-ecdsa", "auth-any"}


@pytest.mark.parametrize("policy", ["modern", "legacy12", "legacy10"])
def test_no_policy_compresses_or_renegotiates(contexts: TlsContexts, policy: TlsPolicy) -> None:
    """RFC 9325 sections 3.3 and 3.5."""
    options = contexts.context(policy).options

    assert options & ssl.OP_NO_COMPRESSION
    assert options & ssl.OP_NO_RENEGOTIATION


@pytest.mark.parametrize(
    ("ciphers", "kind"), [(RSA_CHAIN, "RSAPublicKey"), (P256_CHAIN, "ECPublicKey")]
)
def test_the_client_chooses_between_the_rsa_and_the_p256_chain(
    contexts: TlsContexts,
    handshake: Handshake,
    client_context: MakeClient,
    ciphers: str,
    kind: str,
) -> None:
    outcome = handshake(contexts.context("modern"), client_context(V.TLSv1_2, ciphers))

    key = x509.load_der_x509_certificate(outcome.peer_certificate).public_key()
    assert type(key).__name__ == kind


def test_a_client_that_sends_no_server_name_is_served(
    contexts: TlsContexts, handshake: Handshake, client_context: MakeClient
) -> None:
    outcome = handshake(contexts.context("modern"), client_context(), server_hostname=None)

    assert outcome.succeeded


def test_a_client_that_asks_for_a_foreign_name_is_served(
    contexts: TlsContexts, handshake: Handshake, client_context: MakeClient
) -> None:
    """A device that dials another alias must fail on its own check, not on ours (RFC 6066 section 3)."""
    outcome = handshake(contexts.context("modern"), client_context(), "other.example.test")

    assert outcome.succeeded


def test_building_a_legacy_context_neither_warns_nor_silences_others(ca_folder: Path) -> None:
    files = server_certificate_files(ca_folder)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        build_context("legacy10", files)

        assert list(warnings.filters) == before
    assert seen == []


def test_a_policy_is_built_once(contexts: TlsContexts) -> None:
    assert contexts.context("legacy12") is contexts.context("legacy12")
    assert contexts.context("legacy12") is not contexts.context("modern")


def test_unchanged_files_are_not_loaded_again(contexts: TlsContexts) -> None:
    before = contexts.context("modern")

    assert contexts.reload_if_changed() is False
    assert contexts.context("modern") is before


def test_a_renewed_certificate_reaches_new_connections_only(
    own_folder: Path, today: dt.datetime, handshake: Handshake, client_context: MakeClient
) -> None:
    contexts = TlsContexts(server_certificate_files(own_folder))
    before = {policy: contexts.context(policy) for policy in ("modern", "legacy10")}
    first = handshake(before["modern"], client_context()).peer_certificate

    issue_server_certificates(own_folder, ["print.example.test"], today)

    assert contexts.reload_if_changed() is True
    assert all(contexts.context(policy) is not before[policy] for policy in before)
    assert handshake(contexts.context("modern"), client_context()).peer_certificate != first
    assert handshake(before["modern"], client_context()).peer_certificate == first
    assert contexts.reload_if_changed() is False


def test_half_written_files_leave_the_old_certificate_in_use_and_are_reported_once(
    own_folder: Path,
) -> None:
    contexts = TlsContexts(server_certificate_files(own_folder))
    before = contexts.context("modern")
    path = own_folder / "server-rsa.pem"
    whole = path.read_bytes()
    path.write_bytes(whole[:600])

    with pytest.raises(StateError, match="stays in use") as raised:
        contexts.reload_if_changed()
    assert str(path) in str(raised.value)
    assert contexts.context("modern") is before
    assert contexts.reload_if_changed() is False

    path.write_bytes(whole[:700])
    with pytest.raises(StateError, match="stays in use"):
        contexts.reload_if_changed()

    path.write_bytes(whole)
    assert contexts.reload_if_changed() is True
    assert contexts.context("modern") is not before


def test_a_file_that_disappears_is_reported_once_and_taken_up_when_it_returns(
    own_folder: Path,
) -> None:
    contexts = TlsContexts(server_certificate_files(own_folder))
    path = own_folder / "server-p256.pem"
    aside = own_folder / "aside"
    path.rename(aside)

    with pytest.raises(StateError, match="cannot be read"):
        contexts.reload_if_changed()
    assert contexts.reload_if_changed() is False

    Path(shutil.copy(aside, own_folder / "copy")).replace(path)
    assert contexts.reload_if_changed() is True


def test_a_key_of_another_certificate_is_named_as_such(ca_folder: Path) -> None:
    pair = CertificateFiles(ca_folder / "server-rsa.pem", ca_folder / "ca.key")

    with pytest.raises(StateError, match="the key belongs to another certificate") as raised:
        build_context("modern", [pair])
    assert str(pair.certificate) in str(raised.value)
    assert str(pair.key) in str(raised.value)


def test_a_key_with_a_passphrase_is_refused_without_asking_for_it(
    ca_folder: Path, tmp_path: Path
) -> None:
    key = serialization.load_pem_private_key((ca_folder / "ca.key").read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"not telling"),
        )
    )

    with pytest.raises(StateError, match="locked with a passphrase"):
        build_context("modern", [CertificateFiles(ca_folder / "ca.pem", locked)])


def test_a_missing_or_malformed_file_stops_the_start_with_its_name(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(StateError, match=r"missing\.pem cannot be read"):
        TlsContexts([CertificateFiles(missing, missing)])

    noise = tmp_path / "noise.pem"
    noise.write_bytes(b"not a certificate")
    with pytest.raises(
        StateError, match=r"noise\.pem cannot be used: a certificate and its key"
    ):
        TlsContexts([CertificateFiles(noise, noise)])


def test_a_weak_own_certificate_is_named_as_weak_under_modern_and_served_under_legacy10(
    tmp_path: Path, today: dt.datetime, handshake: Handshake, client_context: MakeClient
) -> None:
    pair = weak_certificate(tmp_path, today)

    with pytest.raises(StateError, match="it is too weak"):
        build_context("modern", [pair])
    server = build_context("legacy10", [pair])
    assert handshake(server, no_questions(client_context())).succeeded


def test_certificate_and_key_may_lie_in_two_files(
    ca_folder: Path, tmp_path: Path, handshake: Handshake, client_context: MakeClient
) -> None:
    text = (ca_folder / "server-rsa.pem").read_bytes()
    start = text.index(b"-----BEGIN CERTIFICATE")
    pair = CertificateFiles(tmp_path / "chain.pem", tmp_path / "key.pem")
    pair.key.write_bytes(text[:start])
    pair.certificate.write_bytes(text[start:])

    outcome = handshake(build_context("modern", [pair]), client_context())

    assert outcome.succeeded


def weak_certificate(folder: Path, today: dt.datetime) -> CertificateFiles:
    """Make what an old appliance exports: RSA-1024."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weakness is the point
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "old")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(today)
        .not_valid_after(today + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "weak.pem"
    pem = serialization.Encoding.PEM
    form = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form) + certificate.public_bytes(pem))
    return CertificateFiles(path, path)


def no_questions(client: ssl.SSLContext) -> ssl.SSLContext:
    client.verify_mode = ssl.CERT_NONE
    return client
