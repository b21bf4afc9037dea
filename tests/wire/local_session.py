"""A session in memory: it carries out what the machine asks, from a maildrop that a test writes down.

What came of it is one transcript, in the order in which it happened, so that two sessions can be
compared whatever the pieces in which the network brought them their octets.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import assert_never

import attrs

from bridge.maildrop import Listing, Maildrop, MessageEntry
from bridge.names import Octets, SpoolId, UniqueId
from bridge.pop3.events import (
    Accepted,
    Answer,
    CheckDigest,
    CheckPassword,
    Close,
    Effect,
    Expunge,
    Expunged,
    MachineLimits,
    NotExpunged,
    Refused,
    Secured,
    Send,
    SendMany,
    SendMessage,
    Sent,
    StartTls,
    Terms,
    Unsendable,
)
from bridge.pop3.machine import Machine
from bridge.pop3.quirks import Quirks
from bridge.pop3.replies import TERMINATION, ResponseCode
from bridge.pop3.table import State
from bridge.pop3.wireform import TopCutter, WireForm, without_nul

ENCRYPTED = Terms("popbridge ready", password_allowed=True, stls_offered=False)
"""What a connection may do that is encrypted from the start."""

PIECE = 7
"""Octets of a body that the session hands on at once: few, so that every line is cut somewhere."""


@attrs.frozen
class Message:
    """One message of the maildrop; `code` says why its body cannot be sent."""

    unique_id: str
    wire: bytes
    octets: int
    code: ResponseCode | None = None
    as_it_came: "Message | None" = None
    """What it was before its headers became ASCII."""

    @classmethod
    def of(cls, unique_id: str, text: bytes, code: ResponseCode | None = None) -> "Message":
        """Return the message whose text is `text`, in any line ends."""
        form = WireForm()
        wire = form.feed(text) + form.finish()
        return cls(unique_id, wire, form.octets, code)


@attrs.frozen
class Scene:
    """What stands around a session: the connection's terms, who may log in, what lies there."""

    terms: Terms = ENCRYPTED
    secured_terms: Terms | None = None
    logins: dict[str, str] = attrs.field(factory=lambda: {"mrose": "tanstaaf"})
    messages: tuple[Message, ...] = ()
    refusal: ResponseCode | None = None
    login_delay: int = 0
    expunge_fails: bool = False
    limits: MachineLimits = attrs.field(factory=MachineLimits)
    quirks: Quirks | None = None
    """What the device turns out to need once its password is right."""


@attrs.frozen
class Secure:
    """In a transcript: the TLS handshake took place here."""


@attrs.frozen
class Removed:
    """In a transcript: these messages, by their numbers, were deleted durably here."""

    numbers: tuple[int, ...]


@attrs.frozen
class Closed:
    """In a transcript: the server closed the connection here."""

    reason: str


Item = bytes | Secure | Removed | Closed


class LocalSession:
    """The server's side of one connection, with everything at hand."""

    def __init__(self, scene: Scene) -> None:
        self.machine = Machine(scene.terms, scene.limits)
        self.effects: list[Effect] = []
        self.transcript: list[Item] = []
        self._scene = scene
        self._said(self.machine.greeting())

    def hear(self, *segments: bytes) -> None:
        """Let the client send; what is left of the segments when STLS is answered is void."""
        waiting = list(segments)
        while waiting and not self.closed:
            self.machine.receive_data(waiting.pop(0))
            if self._pump():
                waiting.clear()

    def ask(self, *lines: str) -> bytes:
        """Send each line by itself and return what was said since."""
        known = len(self.said)
        for line in lines:
            self.hear(line.encode("utf-8") + b"\r\n")
        return self.said[known:]

    @property
    def said(self) -> bytes:
        """Return every octet the server has written."""
        return b"".join(item for item in self.transcript if isinstance(item, bytes))

    @property
    def closed(self) -> bool:
        """Tell whether the server has ended the session."""
        return self.machine.state is State.CLOSED

    @property
    def removed(self) -> tuple[int, ...]:
        """Return the numbers of the messages that were deleted durably."""
        return tuple(
            number
            for item in self.transcript
            if isinstance(item, Removed)
            for number in item.numbers
        )

    def _pump(self) -> bool:
        """Carry out what the machine asks for now; return whether TLS was started."""
        secured = False
        while (effect := self.machine.next_effect()) is not None:
            self.effects.append(effect)
            secured |= isinstance(effect, StartTls)
            answer = self._carry_out(effect)
            if answer is not None:
                self.machine.answer(answer)
        return secured

    def _carry_out(self, effect: Effect) -> Answer | None:
        match effect:
            case Send(data):
                self._said(data)
            case SendMany(pieces):
                self._said(b"".join(pieces))
            case Close(farewell, reason):
                self._said(farewell)
                self.transcript.append(Closed(reason))
            case _:
                return self._answer(effect)
        return None

    def _answer(
        self, effect: CheckPassword | CheckDigest | SendMessage | Expunge | StartTls
    ) -> Answer:
        match effect:
            case CheckPassword(name, password):
                return self._login(self._scene.logins.get(name) == password)
            case CheckDigest(name, timestamp, digest):
                return self._login(self._digest(name, timestamp) == digest)
            case SendMessage():
                return self._send_message(effect)
            case Expunge(messages):
                return self._expunge(messages)
            case StartTls(head):
                self._said(head)
                self.transcript.append(Secure())
                assert self._scene.secured_terms is not None
                return Secured(self._scene.secured_terms)
            case _:
                assert_never(effect)

    def _said(self, data: bytes) -> None:
        if self.transcript and isinstance(self.transcript[-1], bytes):
            self.transcript[-1] += data
        else:
            self.transcript.append(data)

    def _digest(self, name: str, timestamp: str) -> str:
        shared = timestamp + self._scene.logins.get(name, "")
        return hashlib.md5(shared.encode(), usedforsecurity=False).hexdigest()

    def _login(self, right: bool) -> Answer:  # noqa: FBT001 - the one thing there is to say
        if not right:
            return Refused(ResponseCode.AUTH)
        if self._scene.refusal is not None:
            return Refused(self._scene.refusal, self._scene.quirks)
        drop = Maildrop(listing(self._scene.messages))
        return Accepted(drop, self._scene.quirks, self._scene.login_delay)

    def _send_message(self, effect: SendMessage) -> Answer:
        message = self._scene.messages[effect.entry.spool_id - 1]
        if message.code is not None:
            return Unsendable(message.code)
        if effect.entry.is_utf8:
            assert message.as_it_came is not None
            message = message.as_it_came
        body = cut(message.wire, effect.body_lines)
        body = without_nul(body) if effect.without_nul else body
        self._said(effect.head + body + TERMINATION)
        return Sent()

    def _expunge(self, messages: Iterable[SpoolId]) -> Answer:
        if self._scene.expunge_fails:
            return NotExpunged()
        self.transcript.append(Removed(tuple(messages)))
        return Expunged()


def listing(messages: Sequence[Message]) -> Listing:
    """Return the messages as the spool would list them; the spool id is the number."""
    return Listing.of(
        [
            MessageEntry(
                SpoolId(number),
                UniqueId(message.unique_id),
                Octets(message.octets),
                Octets(message.as_it_came.octets) if message.as_it_came else None,
            )
            for number, message in enumerate(messages, 1)
        ]
    )


def cut(wire: bytes, body_lines: int | None) -> bytes:
    """Return what the session sends of a body, having read it in small pieces."""
    if body_lines is None:
        return wire
    cutter = TopCutter(body_lines)
    return b"".join(
        cutter.feed(wire[start : start + PIECE]) for start in range(0, len(wire), PIECE)
    )
