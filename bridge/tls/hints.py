"""Says in one sentence why a handshake failed and what the admin can do about it.

OpenSSL names what it saw, not what it means: a POP3 client that speaks plaintext to the TLS port
is a "wrong version number" to it.
"""

import ssl
from typing import Final

_PLAINTEXT: Final = (
    "the device speaks plaintext on a TLS port: switch TLS (SSL) on in the device, "
    "or point it at a listener with STARTTLS"
)
_OLD_TLS: Final = (
    "the device offers only an older TLS: give it a listener with policy legacy10, "
    "or update its firmware"
)
_OLD_CIPHERS: Final = (
    "the device and this listener share no cipher: give it a listener with policy legacy12, "
    "or legacy10 if that does not help"
)
_UNTRUSTED: Final = (
    "the device does not trust the bridge's CA: import it, `popbridge cert ca` writes it to a "
    "file, and let the device reach the bridge by one of tls.names"
)
_EXPIRED: Final = (
    "the device says the certificate is expired: set the device's clock, "
    "or renew with `popbridge cert renew`"
)
_REFUSED: Final = (
    "the device refused the handshake without a reason: try a listener with policy legacy12 or "
    "legacy10, and check that the device trusts the bridge's CA"
)
_HUNG_UP: Final = (
    "the device hung up during the handshake: often it does not trust the bridge's CA, "
    "which `popbridge cert ca` writes to a file for import"
)
_SILENT: Final = (
    "the device did not finish the handshake in time: it may expect STARTTLS on this port, "
    "or the network loses packets"
)

# Reasons as OpenSSL 3 names them; "alert" means that the device said it (RFC 8446 section 6.2).
_HINTS: Final[dict[str, str]] = {
    "WRONG_VERSION_NUMBER": _PLAINTEXT,
    "HTTP_REQUEST": _PLAINTEXT,
    "HTTPS_PROXY_REQUEST": _PLAINTEXT,
    "PACKET_LENGTH_TOO_LONG": _PLAINTEXT,
    "RECORD_LAYER_FAILURE": _PLAINTEXT,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "UNKNOWN_PROTOCOL": _OLD_TLS,
    "VERSION_TOO_LOW": _OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
    "NO_SHARED_CIPHER": _OLD_CIPHERS,
    "NO_SHARED_SIGNATURE_ALGORITHMS": _OLD_CIPHERS,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": _OLD_CIPHERS,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _OLD_CIPHERS,
    "TLSV1_ALERT_UNKNOWN_CA": _UNTRUSTED,
    "SSLV3_ALERT_BAD_CERTIFICATE": _UNTRUSTED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _UNTRUSTED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _UNTRUSTED,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": _UNTRUSTED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": _EXPIRED,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _REFUSED,
    "UNEXPECTED_EOF_WHILE_READING": _HUNG_UP,
}


def handshake_hint(error: BaseException) -> str:
    """Return one sentence for the admin; it holds nothing that the device sent."""
    if isinstance(error, ssl.SSLError):
        return _hint_for_reason(error)
    # asyncio reports its own handshake time-out as ConnectionAbortedError.
    if isinstance(error, TimeoutError | ConnectionAbortedError):
        return _SILENT
    if isinstance(error, ConnectionError | EOFError):
        return _HUNG_UP
    return "the handshake failed here and not at the device: see the log lines around this one"


def looks_like_client_hello(first_octets: bytes) -> bool:
    """Tell whether a TLS handshake starts here.

    Record type 22 begins no POP3 command (RFC 8446 section 5.1). Firmware of the nineties frames its
    hello as SSL 2 did, to say in it that it speaks SSL 3 or TLS (RFC 5246 appendix E.2).
    """
    if first_octets.startswith(b"\x16"):
        return True
    return first_octets[:1] >= b"\x80" and first_octets[2:4] == b"\x01\x03"


def _hint_for_reason(error: ssl.SSLError) -> str:
    # An EOF inside a handshake has no reason, and no text worth parsing.
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _HUNG_UP
    # One that Python raised and not OpenSSL has no reason at all.
    reason: str = getattr(error, "reason", None) or ""
    if reason in _HINTS:
        return _HINTS[reason]
    named = reason.replace("_", " ").lower() or "no reason given"
    return f"the TLS handshake failed ({named}): try a listener with another TLS policy"
