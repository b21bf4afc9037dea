from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from providers.microsoft.certificate import LIFE_DAYS, KeyPair, end_of, make_key_pair

NOW = 1_700_000_000.25  # a clock has fractions, a certificate has none
DAY = 86400


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return make_key_pair("popbridge", NOW)


def certificate_of(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.encode())


def test_the_key_is_the_certificates_own(pair: KeyPair) -> None:
    key = serialization.load_pem_private_key(pair.key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    public = certificate_of(pair).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    signature = key.sign(b"assertion", padding.PKCS1v15(), hashes.SHA256())
    public.verify(signature, b"assertion", padding.PKCS1v15(), hashes.SHA256())


def test_the_certificate_is_signed_by_itself(pair: KeyPair) -> None:
    certificate = certificate_of(pair)
    certificate.verify_directly_issued_by(certificate)
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)


def test_the_certificate_names_the_bridge(pair: KeyPair) -> None:
    (name,) = certificate_of(pair).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "popbridge"


def test_the_certificate_is_good_a_day_ago_and_for_two_years(pair: KeyPair) -> None:
    certificate = certificate_of(pair)
    now = datetime.fromtimestamp(int(NOW), UTC)
    assert (now - certificate.not_valid_before_utc).total_seconds() == DAY
    assert (certificate.not_valid_after_utc - now).days == LIFE_DAYS == 730


def test_its_end_is_told_in_seconds_since_the_epoch(pair: KeyPair) -> None:
    assert end_of(pair.certificate) == int(NOW) + LIFE_DAYS * DAY


def test_what_is_uploaded_holds_no_private_key(pair: KeyPair) -> None:
    assert "PRIVATE" not in pair.certificate
    assert "PRIVATE" in pair.key


def test_the_key_is_not_shown(pair: KeyPair) -> None:
    secret_line = pair.key.splitlines()[3]
    assert secret_line not in repr(pair)
    assert "PRIVATE" not in repr(pair)


def test_no_two_pairs_are_the_same(pair: KeyPair) -> None:
    other = make_key_pair("popbridge", NOW)
    assert other.key != pair.key
    assert certificate_of(other).serial_number != certificate_of(pair).serial_number


def test_a_name_longer_than_x509_takes_is_cut() -> None:
    """RFC 5280 appendix A.1: ub-common-name is 64."""
    certificate = certificate_of(make_key_pair("x" * 80, NOW))
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "x" * 64
