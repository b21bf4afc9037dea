"""Certificates that OpenSSL serves and that are against the rules of RFC 5280."""

import re
import ssl
from collections.abc import Callable
from pathlib import Path

Garbling = Callable[[bytes], bytes]


def as_version_4(der: bytes) -> bytes:
    return der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020103"), 1)


def ending_in_a_month_13(der: bytes) -> bytes:
    times = list(re.finditer(rb"\x17\x0d[0-9]{12}Z", der))
    month = times[1].start() + 4
    return der[:month] + b"13" + der[month + 2 :]


def not_critical_said_aloud(der: bytes) -> bytes:
    """DER leaves out what is the default (X.690 section 11.5)."""
    return der.replace(bytes.fromhex("0603551d130101ff"), bytes.fromhex("0603551d13010100"), 1)


def with_a_name_that_is_not_ascii(der: bytes) -> bytes:
    """Break the subject's alternative name, which nobody reads until he asks for the extensions."""
    before, name, after = der.rpartition(b"print.example.test")
    return before + b"\xff" + name[1:] + after


GARBLINGS = (as_version_4, ending_in_a_month_13, not_critical_said_aloud)


def garble(path: Path, garbling: Garbling) -> None:
    """Change the first certificate of a PEM file, and leave its key."""
    pem = path.read_text("ascii")
    begin = pem.index("-----BEGIN CERTIFICATE")
    end = pem.index("-----END CERTIFICATE-----", begin) + len("-----END CERTIFICATE-----")
    der = ssl.PEM_cert_to_DER_cert(pem[begin:end])
    garbled = garbling(der)
    assert garbled != der
    path.write_text(
        pem[:begin] + ssl.DER_cert_to_PEM_cert(garbled).strip() + pem[end:], "ascii"
    )
