"""Every error the bridge raises on purpose; two differ only where a caller acts differently.

PopbridgeError
|-- OwnerError              the owner must act: one clear sentence, the exit code says where to look
|   |-- ConfigError         config.toml is wrong (exit 3)
|   |-- StateError          the state folder, its key or its database cannot be used (exit 4)
|   |-- NetworkError        an address cannot be bound (exit 5)
|   `-- RegisterError       a name is taken, missing or still in use (exit 1)
|-- LoginRefused            the credentials do not open a maildrop: [AUTH]
|-- LoginTooSoon            the device logged in a moment ago: [LOGIN-DELAY]
|-- MaildropBusy            another session holds the maildrop: [IN-USE]
|-- NoSuchMessage           no such message-number, or it is marked as deleted
|-- BodyUnreadable          this message's body cannot be had whole: [SYS/PERM]
|-- ShaperUnavailable       no process can be had that shapes a message; it is tried again
`-- SpoolUnavailable        the spool cannot answer now: [SYS/TEMP]
    `-- CeilingReached      the maildrop holds all it may: nothing more is fetched for it
"""

from typing import ClassVar


class PopbridgeError(Exception):
    """Root of everything raised on purpose; the text is one sentence for a person."""


class OwnerError(PopbridgeError):
    """The owner must act; the text says what is wrong and what to do."""

    exit_code: ClassVar[int] = 1


class ConfigError(OwnerError):
    """The configuration cannot be used; the text lists every fault at once."""

    exit_code: ClassVar[int] = 3


class StateError(OwnerError):
    """The state folder, its master key or its database cannot be used as it is."""

    exit_code: ClassVar[int] = 4


class NetworkError(OwnerError):
    """An address the configuration names cannot be listened on."""

    exit_code: ClassVar[int] = 5


class RegisterError(OwnerError):
    """The register refuses a change: a name is taken, is missing, or is still in use."""

    exit_code: ClassVar[int] = 1


class LoginRefused(PopbridgeError):
    """The credentials open no maildrop here; the text is for the log, never for the device."""


class LoginTooSoon(PopbridgeError):
    """The device's last login is less than its login delay ago (RFC 2449 section 6.5)."""


class MaildropBusy(PopbridgeError):
    """Another session holds the exclusive-access lock (RFC 1939 section 4)."""


class NoSuchMessage(PopbridgeError):
    """The message-number names no message, or one that is marked as deleted."""


class BodyUnreadable(PopbridgeError):
    """A body at rest is missing, cut short or altered; asking again will not help."""


class SpoolUnavailable(PopbridgeError):
    """The spool cannot answer just now (disk full, database busy); asking again may help."""


class CeilingReached(SpoolUnavailable):
    """A maildrop holds as much as its owner allows; it is served, and nothing more is fetched."""


class ShaperUnavailable(PopbridgeError):
    """No process can be had just now that shapes a message (memory, too many processes); asking again may help."""
