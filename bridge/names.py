"""Types for the names and numbers of this house, so that none can stand in for another.

The words are those of docs/architecture.md, section "Words": one word, one thing.
"""

from typing import NewType

MessageNumber = NewType("MessageNumber", int)
"""1..n within one session (RFC 1939 section 3); never an index, never kept between sessions."""

UniqueId = NewType("UniqueId", str)
"""What UIDL answers: 1-70 octets of 0x21-0x7E, permanent, never reused (RFC 1939 section 7)."""

Octets = NewType("Octets", int)
"""Size of a message as RETR sends it: CRLF counted as two, byte-stuffing not (RFC 1939 section 11)."""

SpoolId = NewType("SpoolId", int)
"""A message at rest; stable for as long as its row exists, never shown to a device."""

AccountName = NewType("AccountName", str)
"""One enrolled cloud identity or local folder, as the admin named it."""

MaildropName = NewType("MaildropName", str)
"""What devices see: one folder of one account, as the admin named it."""

DeviceName = NewType("DeviceName", str)
"""A machine's own user name."""

PROBE = DeviceName(".health")
"""Stands for the bridge itself where it tries its own doors; no device's name begins with a dot."""

ConnectionId = NewType("ConnectionId", str)
"""Names one connection in every log line it causes."""
