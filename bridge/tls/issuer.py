"""Makes the LAN's own CA, and with it the server certificates that devices meet.

A server's key and certificate lie in one PEM file, so that a renewal replaces both in one step and
a kill cannot leave a key beside another key's certificate. Both server certificates are signed by
an RSA CA, because many devices cannot verify an ECDSA signature in a chain.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bridge.config import CertificateFiles
from bridge.errors import StateError
from bridge.tls.hostnames import alternative_names, common_name
from bridge.wholefile import PRIVATE, PUBLIC, replace_file

CA_CERTIFICATE: Final = "ca.pem"
CA_KEY: Final = "ca.key"
SERVER_RSA: Final = "server-rsa.pem"
SERVER_P256: Final = "server-p256.pem"
FILE_MODES: Final = {
    CA_CERTIFICATE: PUBLIC,
    CA_KEY: PRIVATE,
    SERVER_RSA: PRIVATE,
    SERVER_P256: PRIVATE,
}
"""Every file of the bridge's own TLS folder."""

_RSA_BITS: Final = 2048  # RFC 9325 section 4.5: the least; more costs every handshake
RENEW_BEFORE_DAYS: Final = 30
"""Days before its end at which a certificate is due: renewed where it is ours, reported by `check`."""

_CA_YEARS: Final = (
    10  # a walk to each panel ends it; before 2038, which old 32-bit clocks cannot say
)
_SERVER_DAYS: Final = (
    825  # the most that Apple's and many firmwares' TLS accepts from a private CA
)
_BACKDATED: Final = timedelta(days=1)  # devices whose clock is slow or in another time zone

_Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@attrs.frozen
class CertificateInfo:
    """What the owner compares with what a device shows."""

    kind: Literal["ca", "server"]
    key: str
    subject: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str
    path: Path


def create_ca(folder: Path, now: datetime) -> None:
    """Make the CA that devices are asked to trust; the certificate appears last and seals the deal.

    Raises:
        StateError: there is a CA already, or the folder cannot be written.
    """
    if (folder / CA_CERTIFICATE).exists():
        raise StateError(
            f"there is a CA in {folder} already: keep it, as devices trust it, "
            "and renew the server certificates instead"
        )
    key = rsa.generate_private_key(65537, _RSA_BITS)
    # Two CAs of one name confuse devices that find an issuer by name, so each has its own.
    common = f"popbridge LAN CA {secrets.token_hex(3)}"
    subject = _subject(common)
    certificate = (
        _builder(subject, subject, key.public_key(), now)
        .not_valid_after(now + timedelta(days=_CA_YEARS * 365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(_authority(key), critical=False)
        .sign(key, hashes.SHA256())
    )
    replace_file(folder / CA_KEY, _key_pem(key), PRIVATE)
    replace_file(folder / CA_CERTIFICATE, _certificate_pem(certificate), PUBLIC)


def issue_server_certificates(folder: Path, names: Sequence[str], now: datetime) -> None:
    """Make new server keys with certificates for these host names and addresses; also how they are renewed.

    Each file is replaced whole: a kill leaves each one old or new, and both are good.

    Raises:
        StateError: a name cannot stand in a certificate, the CA is missing or damaged, or the
            folder cannot be written.
    """
    alternatives = x509.SubjectAlternativeName(alternative_names(names))
    subject = _subject(common_name(names))
    authority, authority_key = _load_ca(folder, now)
    keys: dict[str, _Key] = {
        SERVER_RSA: rsa.generate_private_key(65537, _RSA_BITS),
        SERVER_P256: ec.generate_private_key(ec.SECP256R1()),
    }
    for file_name, key in keys.items():
        certificate = (
            _builder(subject, authority.subject, key.public_key(), now)
            .not_valid_after(min(_server_end(now), authority.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_server_key_usage(key), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            )
            .add_extension(alternatives, critical=False)
            .add_extension(_authority(authority_key), critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        replace_file(folder / file_name, _key_pem(key) + _certificate_pem(certificate), PRIVATE)


def server_certificate_files(folder: Path) -> tuple[CertificateFiles, ...]:
    """Return what `TlsContexts` is to load from the bridge's own folder."""
    paths = (folder / SERVER_P256, folder / SERVER_RSA)
    return tuple(CertificateFiles(certificate=path, key=path) for path in paths)


def ca_pem(folder: Path) -> bytes:
    """Return the CA certificate in PEM, for a device that imports text.

    Raises:
        StateError: there is none, or it is damaged.
    """
    return _certificate_pem(_load_chain(folder / CA_CERTIFICATE)[0])


def ca_der(folder: Path) -> bytes:
    """Return the CA certificate in DER, for a device that imports .cer or .crt.

    Raises:
        StateError: there is none, or it is damaged.
    """
    certificate = _load_chain(folder / CA_CERTIFICATE)[0]
    return certificate.public_bytes(serialization.Encoding.DER)


def is_renewal_due(folder: Path, now: datetime) -> bool:
    """Tell whether the bridge's own server certificates should be issued anew.

    One that ends soon, unless its CA ends as soon. And one from the future, issued while the clock
    was wrong; but not where the CA itself is from the future: then it is now that the clock is wrong,
    as that of a machine is which has just started and asked no time server yet.

    Raises:
        StateError: a file is missing or damaged.
    """
    authority, *servers = describe_certificates(folder)
    if now < authority.not_before:
        return False
    end = authority.not_after - timedelta(days=1)
    return any(
        ((one.not_after - now).days < RENEW_BEFORE_DAYS and one.not_after < end)
        or one.not_before > now
        for one in servers
    )


def describe_certificates(path: Path) -> list[CertificateInfo]:
    """Describe the bridge's own certificates in a folder, or every certificate of one PEM file.

    Raises:
        StateError: a file is missing or damaged.
    """
    paths = [path]
    if path.is_dir():
        paths = [path / name for name in (CA_CERTIFICATE, SERVER_RSA, SERVER_P256)]
    return [info for source in paths for info in _describe_chain(source)]


def _describe_chain(path: Path) -> list[CertificateInfo]:
    try:
        return [_describe(found, path) for found in _load_chain(path)]
    except (ValueError, UnsupportedAlgorithm):  # some shows only where it is read
        raise StateError(_unreadable(path)) from None


def _describe(certificate: x509.Certificate, path: Path) -> CertificateInfo:
    digest = certificate.fingerprint(hashes.SHA256())
    return CertificateInfo(
        kind="ca" if _is_ca(certificate) else "server",
        key=_key_kind(certificate),
        subject=certificate.subject.rfc4514_string(),
        names=_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=digest.hex(":").upper(),
        path=path,
    )


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def _key_kind(certificate: x509.Certificate) -> str:
    match certificate.public_key():
        case rsa.RSAPublicKey() as key:
            return f"RSA-{key.key_size}"
        case ec.EllipticCurvePublicKey() as key:
            return "P-256" if isinstance(key.curve, ec.SECP256R1) else key.curve.name
        case key:
            return type(key).__name__.removesuffix("PublicKey")


def _load_ca(folder: Path, now: datetime) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    certificate = _load_chain(folder / CA_CERTIFICATE)[0]
    path = folder / CA_KEY
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError):
        raise StateError(f"{path} holds no usable private key: {_RESTORE_CA}") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise StateError(
            f"{path} is not the key of the CA certificate beside it: {_RESTORE_CA}"
        )
    if certificate.not_valid_after_utc <= now:
        raise StateError(
            f"the CA in {folder} has expired: check the machine's clock, or move both CA files away and "
            "make a new CA, which every device must then import"
        )
    return certificate, key


_RESTORE_CA: Final = "restore both CA files from the same backup"


def _load_chain(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except (ValueError, x509.InvalidVersion):
        raise StateError(_unreadable(path)) from None


def _unreadable(path: Path) -> str:
    return (
        f"{path} holds no certificate in PEM, or one against the rules (RFC 5280), which devices may"
        " refuse: restore the file, or have another issued"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StateError(
            f"{path} cannot be read ({error.strerror}): run `popbridge init` if it was never made, "
            "else check the path and the rights of the user that runs popbridge"
        ) from error


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    now: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _server_end(now: datetime) -> datetime:
    # Both ends belong to the validity (RFC 5280 section 4.1.2.5): one second less is 825 days.
    return now - _BACKDATED + timedelta(days=_SERVER_DAYS, seconds=-1)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _authority(key: rsa.RSAPrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _server_key_usage(key: _Key) -> x509.KeyUsage:
    # Key encipherment is what RSA key exchange needs, which legacy12 is for.
    return _key_usage(signs=True, enciphers_keys=isinstance(key, rsa.RSAPrivateKey))


def _key_usage(
    *, signs: bool = False, enciphers_keys: bool = False, signs_certificates: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        key_encipherment=enciphers_keys,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
