"""Makes the key pair with which an app signs in as itself, and the certificate that Entra is to know."""

from datetime import UTC, datetime, timedelta

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

LIFE_DAYS = 730
"""Two years, which Entra allows and an admin need not think of often."""

KEY_BITS = 2048
"""What Entra takes for certificates (learn.microsoft.com/entra/identity-platform/certificate-credentials)."""


@attrs.frozen
class KeyPair:
    """A private key and its certificate, both in PEM."""

    key: str = attrs.field(repr=False)
    certificate: str


def make_key_pair(name: str, now: float) -> KeyPair:
    """Return a new key pair whose certificate names `name` and begins a day before `now`.

    The day is for clocks that differ; `now` is in seconds since the epoch.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    today = datetime.fromtimestamp(now, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=LIFE_DAYS))
        .sign(key, hashes.SHA256())
    )
    return KeyPair(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
    )


def end_of(certificate: str) -> float:
    """Return when a certificate in PEM ends, in seconds since the epoch."""
    return x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc.timestamp()
