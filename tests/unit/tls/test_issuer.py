import datetime as dt
import shutil
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bridge.errors import StateError
from bridge.tls.contexts import build_context
from bridge.tls.issuer import (
    ca_der,
    ca_pem,
    create_ca,
    describe_certificates,
    is_renewal_due,
    issue_server_certificates,
    server_certificate_files,
)
from tests.unit.tls.garbled import (
    GARBLINGS,
    Garbling,
    garble,
    with_a_name_that_is_not_ascii,
)

Handshake = Callable[..., Any]
Extension = TypeVar("Extension", bound=x509.ExtensionType)
LEAVES = ("server-rsa.pem", "server-p256.pem")


@pytest.fixture
def own_folder(ca_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ca_folder, tmp_path / "tls")


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def value(certificate: x509.Certificate, kind: type[Extension]) -> Extension:
    return certificate.extensions.get_extension_for_class(kind).value


def strict_client(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    context.load_verify_locations(folder / "ca.pem")
    return context


@pytest.mark.parametrize(
    "name", ["print.example.test", "192.0.2.7", "2001:db8::7", "printserver"]
)
@pytest.mark.parametrize("leaf", [0, 1])
def test_a_strict_client_that_has_the_ca_trusts_each_leaf_under_each_name(
    ca_folder: Path, handshake: Handshake, name: str, leaf: int
) -> None:
    files = server_certificate_files(ca_folder)[leaf]

    outcome = handshake(build_context("modern", [files]), strict_client(ca_folder), name)

    assert outcome.succeeded


def test_a_client_refuses_a_name_that_is_not_in_the_certificate(
    ca_folder: Path, handshake: Handshake
) -> None:
    server = build_context("modern", server_certificate_files(ca_folder))

    outcome = handshake(server, strict_client(ca_folder), "other.example.test")

    assert isinstance(outcome.client_error, ssl.SSLCertVerificationError)


def test_the_ca_can_sign_server_certificates_and_nothing_else(
    ca_folder: Path, today: dt.datetime
) -> None:
    ca = load(ca_folder / "ca.pem")
    usage = value(ca, x509.KeyUsage)

    assert value(ca, x509.BasicConstraints) == x509.BasicConstraints(ca=True, path_length=0)
    assert usage.key_cert_sign
    assert usage.crl_sign
    assert not usage.digital_signature
    assert ca.public_key().key_size == 2048
    assert isinstance(ca.signature_hash_algorithm, hashes.SHA256)
    assert today + dt.timedelta(days=10 * 365) <= ca.not_valid_after_utc
    ca.verify_directly_issued_by(ca)


@pytest.mark.parametrize("file_name", LEAVES)
def test_a_leaf_is_for_servers_for_825_days_at_most_and_valid_since_yesterday(
    ca_folder: Path, today: dt.datetime, file_name: str
) -> None:
    leaf = load(ca_folder / file_name)
    validity = leaf.not_valid_after_utc - leaf.not_valid_before_utc

    assert leaf.not_valid_before_utc == today - dt.timedelta(days=1)
    # Both ends belong to it (RFC 5280 section 4.1.2.5).
    assert validity + dt.timedelta(seconds=1) == dt.timedelta(days=825)
    assert not value(leaf, x509.BasicConstraints).ca
    assert list(value(leaf, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert value(leaf, x509.KeyUsage).digital_signature
    assert value(leaf, x509.KeyUsage).key_encipherment is (file_name == "server-rsa.pem")
    common = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [attribute.value for attribute in common] == ["print.example.test"]


@pytest.mark.parametrize("file_name", LEAVES)
def test_a_leaf_names_the_key_that_signed_it(ca_folder: Path, file_name: str) -> None:
    ca, leaf = load(ca_folder / "ca.pem"), load(ca_folder / file_name)

    leaf.verify_directly_issued_by(ca)
    assert (
        value(leaf, x509.AuthorityKeyIdentifier).key_identifier
        == value(ca, x509.SubjectKeyIdentifier).digest
    )


def test_serial_numbers_differ(ca_folder: Path) -> None:
    serials = {load(ca_folder / name).serial_number for name in ("ca.pem", *LEAVES)}

    assert len(serials) == 3


def test_a_leaf_does_not_outlive_its_ca(own_folder: Path) -> None:
    late = load(own_folder / "ca.pem").not_valid_after_utc - dt.timedelta(days=30)

    issue_server_certificates(own_folder, ["nas"], late)

    ca = load(own_folder / "ca.pem")
    assert load(own_folder / "server-rsa.pem").not_valid_after_utc == ca.not_valid_after_utc


def test_keys_are_private_and_the_ca_certificate_is_not(ca_folder: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in ca_folder.iterdir()}

    assert modes == {
        "ca.pem": 0o644,
        "ca.key": 0o600,
        "server-rsa.pem": 0o600,
        "server-p256.pem": 0o600,
    }


def test_a_second_ca_is_refused_because_devices_trust_the_first(
    own_folder: Path, today: dt.datetime
) -> None:
    before = (own_folder / "ca.key").read_bytes()

    with pytest.raises(StateError, match=r"there is a CA in .* already"):
        create_ca(own_folder, today)
    assert (own_folder / "ca.key").read_bytes() == before


def test_a_kill_before_the_ca_certificate_was_written_is_mended_by_the_next_try(
    own_folder: Path, today: dt.datetime
) -> None:
    (own_folder / "ca.pem").unlink()

    create_ca(own_folder, today)
    issue_server_certificates(own_folder, ["nas"], today)

    load(own_folder / "server-rsa.pem").verify_directly_issued_by(load(own_folder / "ca.pem"))


def test_a_renewal_makes_new_keys_under_the_same_ca(
    own_folder: Path, today: dt.datetime
) -> None:
    before = load(own_folder / "server-rsa.pem")
    ca = (own_folder / "ca.pem").read_bytes()

    issue_server_certificates(own_folder, ["nas"], today + dt.timedelta(days=400))

    after = load(own_folder / "server-rsa.pem")
    assert after.public_key() != before.public_key()
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert (own_folder / "ca.pem").read_bytes() == ca


def due(folder: Path, today: dt.datetime, days: float) -> bool:
    return is_renewal_due(folder, today + dt.timedelta(days=days))


def test_a_renewal_is_due_30_days_before_the_end_unless_the_ca_ends_as_soon(
    own_folder: Path, today: dt.datetime
) -> None:
    assert not due(own_folder, today, 825 - 33)
    assert due(own_folder, today, 825 - 29)
    issue_server_certificates(own_folder, ["nas"], today + dt.timedelta(days=3600))
    assert not due(own_folder, today, 3640)


def test_what_was_issued_while_the_clock_was_ahead_is_issued_anew(
    own_folder: Path, today: dt.datetime
) -> None:
    issue_server_certificates(own_folder, ["nas"], today + dt.timedelta(days=730))
    assert due(own_folder, today, 0)
    issue_server_certificates(own_folder, ["nas"], today)
    assert not due(own_folder, today, 0)


def test_a_clock_before_the_birth_of_the_ca_is_not_believed(
    own_folder: Path, today: dt.datetime
) -> None:
    assert not due(own_folder, today, -730)


def test_one_leaf_renewed_and_the_other_not_is_a_state_the_server_loads(
    own_folder: Path, today: dt.datetime, handshake: Handshake
) -> None:
    old = (own_folder / "server-p256.pem").read_bytes()
    issue_server_certificates(own_folder, ["nas"], today)
    (own_folder / "server-p256.pem").write_bytes(old)

    server = build_context("modern", server_certificate_files(own_folder))
    assert handshake(server, strict_client(own_folder), "nas").server_error is not None
    assert handshake(server, strict_client(own_folder), "print.example.test").succeeded


def test_a_bad_name_changes_nothing(own_folder: Path, today: dt.datetime) -> None:
    before = (own_folder / "server-rsa.pem").read_bytes()

    with pytest.raises(StateError, match="neither a host name nor an address"):
        issue_server_certificates(own_folder, ["nas", "*.example.test"], today)
    assert (own_folder / "server-rsa.pem").read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "ca.key").unlink(), "ca.key cannot be read"),
        (lambda folder: (folder / "ca.key").write_bytes(b"noise"), "no usable private key"),
        (
            lambda folder: (folder / "server-rsa.pem").rename(folder / "ca.key"),
            "is not the key of the CA",
        ),
        (lambda folder: (folder / "ca.pem").unlink(), "run `popbridge init`"),
        (lambda folder: (folder / "ca.pem").write_bytes(b"noise"), "no certificate in PEM"),
    ],
)
def test_a_damaged_ca_is_one_sentence(
    own_folder: Path, today: dt.datetime, damage: Callable[[Path], object], said: str
) -> None:
    damage(own_folder)

    with pytest.raises(StateError, match=said):
        issue_server_certificates(own_folder, ["nas"], today)


def test_an_expired_ca_signs_nothing(own_folder: Path, today: dt.datetime) -> None:
    with pytest.raises(StateError, match="has expired"):
        issue_server_certificates(own_folder, ["nas"], today + dt.timedelta(days=11 * 365))


def test_the_ca_is_exported_in_both_forms_and_without_its_key(ca_folder: Path) -> None:
    pem, der = ca_pem(ca_folder), ca_der(ca_folder)

    assert x509.load_pem_x509_certificate(pem) == x509.load_der_x509_certificate(der)
    assert b"PRIVATE" not in pem


def test_a_folder_is_described_with_what_an_owner_compares(ca_folder: Path) -> None:
    infos = describe_certificates(ca_folder)

    assert [(info.kind, info.key, info.path.name) for info in infos] == [
        ("ca", "RSA-2048", "ca.pem"),
        ("server", "RSA-2048", "server-rsa.pem"),
        ("server", "P-256", "server-p256.pem"),
    ]
    leaf = infos[1]
    assert leaf.subject == "CN=print.example.test"
    assert leaf.names == ("print.example.test", "192.0.2.7", "2001:db8::7", "printserver")
    assert leaf.not_after == load(leaf.path).not_valid_after_utc
    digest = load(leaf.path).fingerprint(hashes.SHA256())
    assert bytes.fromhex(leaf.fingerprint.replace(":", "")) == digest
    assert infos[0].names == ()


def test_an_own_chain_is_described_certificate_by_certificate(
    ca_folder: Path, tmp_path: Path
) -> None:
    chain = tmp_path / "fullchain.pem"
    chain.write_bytes((ca_folder / "server-p256.pem").read_bytes() + ca_pem(ca_folder))

    assert [info.kind for info in describe_certificates(chain)] == ["server", "ca"]


def test_describing_what_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        describe_certificates(tmp_path / "none.pem")


@pytest.mark.parametrize("garbling", [*GARBLINGS, with_a_name_that_is_not_ascii])
def test_a_certificate_that_openssl_serves_against_the_rules_is_one_sentence(
    own_folder: Path, handshake: Handshake, garbling: Garbling
) -> None:
    path = own_folder / "server-p256.pem"
    garble(path, garbling)
    files = server_certificate_files(own_folder)[:1]
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE

    assert handshake(build_context("modern", files), client).succeeded
    with pytest.raises(StateError, match=r"server-p256\.pem holds no certificate .*RFC 5280"):
        describe_certificates(path)
