"""Answers the commands of the AUTHORIZATION state: up to credentials to check (RFC 1939 section 4, 2595, 5034, 6856)."""

from typing import assert_never

from bridge.pop3 import replies
from bridge.pop3.commands import Apop, Auth, BadCommand, Pass, Stls, User, Utf8
from bridge.pop3.events import CheckDigest, CheckPassword, Send, StartTls, Terms
from bridge.pop3.replies import ResponseCode
from bridge.pop3.sasl import MECHANISMS, BadExchange, Credentials, Exchange, NotPermitted
from bridge.pop3.table import State
from bridge.pop3.voice import Voice

AuthorizationCommand = User | Pass | Apop | Auth | Stls | Utf8

Answered = tuple[Send | StartTls | CheckPassword | CheckDigest, State]
"""What answers a command, and the state that it leads to."""


class Authorization:
    """How far a client has come with its login; `in_utf8` once it asked for UTF-8 (RFC 6856).

    `refused_in_clear` once it wanted to send a password where none may be sent.
    """

    __slots__ = ("_exchange", "_user", "in_utf8", "refused_in_clear")

    def __init__(self) -> None:
        self._user: str | None = None
        self._exchange: Exchange | None = None
        self.in_utf8 = False
        self.refused_in_clear = False

    def obey(self, command: AuthorizationCommand, terms: Terms, voice: Voice) -> Answered:
        """Return what answers `command`; of AUTH as if it came without an initial response.

        Raises:
            BadCommand: it makes no sense here.
        """
        match command:
            case Utf8():
                return self._utf8(terms, voice), State.AUTHORIZATION
            case Stls():
                return self._stls(terms, voice)
            case Apop(name, digest):
                if terms.timestamp is None:
                    raise BadCommand("APOP is not offered here")
                return self._check(CheckDigest(name, terms.timestamp, digest))
            case Auth(None, _):
                listed = MECHANISMS if terms.password_allowed else ()
                head = voice.ok("Mechanisms follow")
                return Send(replies.multi_line(head, listed)), State.AUTHORIZATION
            case User() | Pass() | Auth():
                return self._take_credentials(command, terms, voice)
            case _:
                assert_never(command)

    def respond(self, response: bytes, voice: Voice) -> Answered:
        """Return what answers a response in the exchange that AUTH began.

        Raises:
            BadCommand: it is none; the exchange is over.
        """
        exchange = self._exchange
        if exchange is None:
            raise AssertionError("SASL without an exchange")
        self._exchange = None
        if response == b"*":  # RFC 5034 section 4: the client cancels
            return Send(voice.err("Cancelled")), State.AUTHORIZATION
        try:
            outcome = exchange.respond(response)
        except BadExchange as error:
            raise BadCommand(str(error)) from error
        except NotPermitted as error:
            return Send(voice.err(str(error), ResponseCode.AUTH)), State.AUTHORIZATION
        if isinstance(outcome, Credentials):
            return self._check(CheckPassword(outcome.name, outcome.password))
        self._exchange = exchange
        return Send(replies.challenge(outcome)), State.SASL

    def abandon(self) -> None:
        """End an exchange whose response cannot be read."""
        self._exchange = None

    def _utf8(self, terms: Terms, voice: Voice) -> Send:
        # Or nothing would be left to do: no STLS comes after it.
        if not terms.logins_possible:
            return Send(voice.err("UTF8 is not possible before STLS"))
        self.in_utf8 = True
        return Send(voice.ok("Headers may hold UTF-8"))

    def _stls(self, terms: Terms, voice: Voice) -> Answered:
        # A client must not (RFC 6856 section 2.1): who has put UTF8 in between?
        if self.in_utf8:
            return Send(voice.err("STLS is not possible after UTF8")), State.AUTHORIZATION
        if not terms.stls_offered:
            refusal = voice.err("STLS is not possible on this connection")
            return Send(refusal), State.AUTHORIZATION
        self._user = None
        return StartTls(voice.ok("Begin TLS negotiation")), State.SECURING

    def _take_credentials(
        self, command: User | Pass | Auth, terms: Terms, voice: Voice
    ) -> Answered:
        if not terms.password_allowed:
            self.refused_in_clear = True
            return Send(voice.no_password(terms)), State.AUTHORIZATION
        match command:
            case User(name):
                self._user = name
                return Send(voice.ok("Send the password")), State.AUTHORIZATION
            case Pass(password):
                if self._user is None:
                    raise BadCommand("Send USER first")
                return self._check(CheckPassword(self._user, password))
            case Auth(mechanism, _):
                return self._begin(mechanism)
            case _:
                assert_never(command)

    def _begin(self, mechanism: str | None) -> Answered:
        if mechanism not in MECHANISMS:
            raise BadCommand("That mechanism is not offered")
        self._exchange = MECHANISMS[mechanism]()
        return Send(replies.challenge(self._exchange.first_challenge())), State.SASL

    def _check(self, effect: CheckPassword | CheckDigest) -> Answered:
        self._user = None
        return effect, State.CHECKING
