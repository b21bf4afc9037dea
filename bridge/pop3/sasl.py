"""The SASL exchanges this server knows (RFC 5034), as values in and values out.

PLAIN is RFC 4616. LOGIN never became a standard, but devices of the nineties speak nothing else.
"""

import base64
import binascii
from typing import Protocol

import attrs


class BadExchange(Exception):
    """The response is not of the mechanism's form; the text is for the device."""


class NotPermitted(Exception):
    """The response is well formed, but asks to act for somebody else; the text is for the device."""


@attrs.frozen
class Credentials:
    """A name and a password, as a device gave them."""

    name: str = attrs.field(repr=False)  # may be a password in the wrong field
    password: str = attrs.field(repr=False)


class Exchange(Protocol):
    """One mechanism at work."""

    def first_challenge(self) -> bytes:
        """Return the challenge, in base64, for a client that sent no initial response."""
        ...

    def respond(self, response: bytes) -> bytes | Credentials:
        """Take a base64 response; return the next challenge in base64, or the credentials.

        Raises:
            BadExchange: the response is not base64, or not of the mechanism's form.
            NotPermitted: it asks to act for somebody else.
        """
        ...


class PlainExchange:
    """RFC 4616: authorization identity, NUL, user name, NUL, password."""

    def first_challenge(self) -> bytes:
        """Return the empty challenge."""
        return b""

    def respond(self, response: bytes) -> Credentials:
        """Return the credentials; acting for somebody else is not offered."""
        parts = _decoded(response).split(b"\0")
        if len(parts) != 3:  # noqa: PLR2004 - RFC 4616 section 2
            raise BadExchange("PLAIN needs three parts")
        authorization, name, password = parts
        if not name or authorization not in (b"", name):
            raise NotPermitted("PLAIN names nobody who may log in here")
        return Credentials(_text(name), _text(password))


class LoginExchange:
    """The LOGIN mechanism: two prompts, of which clients only count the number."""

    def __init__(self) -> None:
        self._name: bytes | None = None

    def first_challenge(self) -> bytes:
        """Ask for the user name."""
        return base64.b64encode(b"Username:")

    def respond(self, response: bytes) -> bytes | Credentials:
        """Take the name and ask for the password, or take the password."""
        if self._name is None:
            self._name = _decoded(response).strip()
            if not self._name:
                raise BadExchange("LOGIN needs a name")
            return base64.b64encode(b"Password:")
        return Credentials(_text(self._name), _text(_decoded(response)))


MECHANISMS: dict[str, type[PlainExchange] | type[LoginExchange]] = {
    "PLAIN": PlainExchange,
    "LOGIN": LoginExchange,
}


def _decoded(response: bytes) -> bytes:
    if response == b"=":  # an empty initial response (RFC 5034 section 4)
        return b""
    try:
        return base64.b64decode(response, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadExchange("That is not base64") from error


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
