"""Checks the assertion with which an app proves who it is, as Entra does (RFC 7523, certificate-credentials)."""

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Iterable
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.fakes.entra_refusals import EntraRefusal

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def check_assertion(
    text: str,
    client_id: str,
    certificates: Iterable[str],
    audiences: Collection[str],
    now: float,
) -> None:
    """Accept an assertion that one of the app's certificates (PEM) signed; `now` is Entra's clock.

    Raises:
        EntraRefusal: as Entra would.
    """
    try:
        signed, _, signature = text.rpartition(".")
        head, claims = (_json(part) for part in signed.split("."))
        octets = _octets(signature)
    except (ValueError, binascii.Error) as error:
        raise EntraRefusal(50027) from error
    certificate = _certificate(head, certificates)
    if not _is_signed(signed.encode(), octets, str(head.get("alg")), certificate):
        raise EntraRefusal(700027)
    if certificate.not_valid_after_utc.timestamp() < now:
        raise EntraRefusal(700027)  # "The key used is expired"
    if {claims.get("iss"), claims.get("sub")} != {client_id}:
        raise EntraRefusal(700021)
    if claims.get("aud") not in audiences:
        raise EntraRefusal(700023)
    if not claims.get("nbf", now) <= now < claims.get("exp", 0):
        raise EntraRefusal(700024)


def _certificate(head: dict[str, Any], certificates: Iterable[str]) -> x509.Certificate:
    for pem in certificates:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        der = certificate.public_bytes(Encoding.DER)
        long = _thumbprint(hashlib.sha256(der).digest())
        short = _thumbprint(hashlib.sha1(der, usedforsecurity=False).digest())
        if long == _bare(head.get("x5t#S256")) or short == _bare(head.get("x5t")):
            return certificate
    raise EntraRefusal(700027)


def _is_signed(
    signed: bytes, signature: bytes, algorithm: str, certificate: x509.Certificate
) -> bool:
    key = certificate.public_key()
    salted = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    ways: dict[str, padding.PSS | padding.PKCS1v15] = {
        "PS256": salted,
        "RS256": padding.PKCS1v15(),
    }
    if not isinstance(key, rsa.RSAPublicKey) or algorithm not in ways:
        return False
    try:
        key.verify(signature, signed, ways[algorithm], hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _thumbprint(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _bare(text: object) -> str:
    return str(text).rstrip("=")


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _json(text: str) -> dict[str, Any]:
    value = json.loads(_octets(text))
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - it is the text's value that is wrong
    return value
