"""Builds the TLS contexts of the listeners, one for each named policy.

A listener asks for its context anew with every connection: that is how a renewed certificate
reaches new connections while running sessions keep the context they started with.
"""

import ssl
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from bridge.config import CertificateFiles, TlsPolicy
from bridge.errors import StateError


@attrs.frozen
class _Rules:
    minimum: ssl.TLSVersion
    ciphers: str


_Stamp: TypeAlias = tuple[tuple[int, int, int] | None, ...]

# RFC 9325 and RFC 8996. The cipher strings rule TLS 1.2 and below; TLS 1.3 suites are all AEAD.
# DEFAULT holds AES-CBC and RSA key exchange, and neither anonymous nor NULL suites (ciphers(1)).
# A level is named each time, so that the machine's own openssl.cnf decides nothing.
_RULES: Final[dict[TlsPolicy, _Rules]] = {
    "modern": _Rules(ssl.TLSVersion.TLSv1_2, "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK:@SECLEVEL=2"),
    "legacy12": _Rules(ssl.TLSVersion.TLSv1_2, "DEFAULT:!PSK:!SRP:@SECLEVEL=2"),
    # TLS 1.0 and 1.1 sign with SHA-1 and MD5, which OpenSSL 3 allows at level 0 alone.
    "legacy10": _Rules(ssl.TLSVersion.TLSv1, "DEFAULT:!PSK:!SRP:@SECLEVEL=0"),
}

_LOCKED: Final = "the key is locked with a passphrase, so store it without one"
_MALFORMED: Final = "a certificate and its key in PEM are expected there"
_TOO_WEAK: Final = "it is too weak, so have one made with RSA-2048 and SHA-256 or better"
_REASONS: Final = {
    "KEY_VALUES_MISMATCH": "the key belongs to another certificate, so put the matching pair there",
    "EE_KEY_TOO_SMALL": _TOO_WEAK,
    "CA_KEY_TOO_SMALL": _TOO_WEAK,
    "CA_MD_TOO_WEAK": _TOO_WEAK,
}


class TlsContexts:
    """The contexts of one set of certificate files, built once for each policy that is used."""

    def __init__(self, files: Sequence[CertificateFiles]) -> None:
        """Load the files.

        Raises:
            StateError: a file cannot be used.
        """
        self._files = tuple(files)
        self._stamp = _stamp(self._files)
        self._broken: _Stamp | None = None
        # Built although nobody asked, so that a bad file is known at the start.
        self._contexts: dict[TlsPolicy, ssl.SSLContext] = {
            "modern": build_context("modern", self._files)
        }

    def context(self, policy: TlsPolicy) -> ssl.SSLContext:
        """Return the context that a connection which starts now shall use.

        Raises:
            StateError: a policy is used for the first time, and a file was damaged meanwhile.
        """
        if policy not in self._contexts:
            self._contexts[policy] = build_context(policy, self._files)
        return self._contexts[policy]

    def reload_if_changed(self) -> bool:
        """Take changed files into use for connections yet to come; tell whether there were any.

        Raises:
            StateError: the changed files cannot be used, so the old ones stay in use; raised once
                for each state of the files.
        """
        # The stamp is taken first: a change during the load shows at the next call.
        stamp = _stamp(self._files)
        if stamp in (self._stamp, self._broken):
            return False
        try:
            contexts = {policy: build_context(policy, self._files) for policy in self._contexts}
        except StateError as error:
            self._broken = stamp
            raise StateError(f"{error}; the certificate loaded before stays in use") from error
        self._contexts, self._stamp, self._broken = contexts, stamp, None
        return True


def build_context(policy: TlsPolicy, files: Sequence[CertificateFiles]) -> ssl.SSLContext:
    """Return a server context that offers every chain of `files` and asks for no client certificate.

    The client's ciphers choose the chain; the name it asks for (SNI), if any, changes nothing.

    Raises:
        StateError: a file is missing, malformed, or the key does not belong to the certificate.
    """
    rules = _RULES[policy]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        # That TLS 1.0 is deprecated is what this policy is for.
        warnings.filterwarnings(
            "ignore", "ssl.TLSVersion.TLSv1 is deprecated", DeprecationWarning
        )
        context.minimum_version = rules.minimum
    context.set_ciphers(rules.ciphers)
    # RFC 9325 sections 3.3 and 3.5.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    for pair in files:
        _load(context, pair)
    return context


def _load(context: ssl.SSLContext, pair: CertificateFiles) -> None:
    where = str(pair.certificate)
    if pair.key != pair.certificate:
        where = f"{pair.certificate} with the key {pair.key}"
    asked = False

    def no_passphrase() -> bytes:
        nonlocal asked
        asked = True
        return b""

    try:
        # Without a password function OpenSSL would ask at the terminal and hang the start.
        context.load_cert_chain(pair.certificate, pair.key, password=no_passphrase)
    except ssl.SSLError as error:
        why = _LOCKED if asked else _REASONS.get(error.reason, _MALFORMED)
        raise StateError(f"the TLS certificate {where} cannot be used: {why}") from error
    except OSError as error:
        raise StateError(
            f"the TLS certificate {where} cannot be read ({error.strerror}): check the path and "
            "the rights of the user that runs popbridge"
        ) from error


def _stamp(files: Sequence[CertificateFiles]) -> _Stamp:
    return tuple(_stamp_of(path) for pair in files for path in (pair.certificate, pair.key))


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
