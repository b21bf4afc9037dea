"""One POP3 session as a machine: octets in, effects out, answers in (RFC 1939, 2449, 2595, 5034).

It knows no socket, clock or log. Every step it takes is looked up in bridge.pop3.table; a command
that the table does not list for the present state is refused there, not here.
"""

from typing import assert_never

from bridge.pop3 import replies, transaction
from bridge.pop3.commands import (
    Apop,
    Auth,
    BadCommand,
    Capa,
    Command,
    Noop,
    Pass,
    Quit,
    Stls,
    User,
    parse,
)
from bridge.pop3.events import (
    Accepted,
    Answer,
    CheckDigest,
    CheckPassword,
    Close,
    Drop,
    Effect,
    Expunge,
    Expunged,
    MachineLimits,
    NotExpunged,
    Refused,
    Secured,
    Send,
    SendMessage,
    Sent,
    StartTls,
    Terms,
    Unsendable,
)
from bridge.pop3.framing import LineBuffer, Overlong
from bridge.pop3.replies import ResponseCode, err, ok
from bridge.pop3.sasl import MECHANISMS, BadExchange, Credentials, Exchange, NotPermitted
from bridge.pop3.table import LISTENING, TRANSITIONS, Event, SaslResponse, State
from bridge.pop3.transcript import Tap

REPLIES_AT_ONCE = 65536
"""Octets of replies to pipelined commands that are gathered into one write before the session
looks whether the client takes them."""

COMMANDS_BEFORE_LOGIN = 100
"""Lines taken from somebody who has not logged in. The busiest client known to us needs a dozen; without
a bound a stranger could keep the server busy with questions that cost it more than him."""

_REFUSALS = {
    ResponseCode.AUTH: "Login failed",
    ResponseCode.IN_USE: "The maildrop is in use by another session",
    ResponseCode.SYS_TEMP: "The maildrop cannot be opened now, try again later",
    ResponseCode.SYS_PERM: "The maildrop cannot be opened, see the log of the bridge",
}


class Machine:
    """The server's side of one session; `next_effect` says what to do, `answer` how it went."""

    __slots__ = (
        "_bad_commands",
        "_drop",
        "_event",
        "_exchange",
        "_failed_logins",
        "_held",
        "_limits",
        "_lines",
        "_lines_before_login",
        "_tap",
        "_terms",
        "_user",
        "refused_in_clear",
        "state",
    )  # fmt: skip

    def __init__(self, terms: Terms, limits: MachineLimits, tap: Tap | None = None) -> None:
        self.state = State.AUTHORIZATION
        self._terms = terms
        self._limits = limits
        self._tap = tap
        self._lines = LineBuffer(limits.command_octets, limits.sasl_octets)
        self._user: str | None = None
        self._exchange: Exchange | None = None
        self._drop: Drop | None = None
        self._held: Effect | None = None
        self._event: type[Event] = Quit
        self._bad_commands = 0
        self._failed_logins = 0
        self._lines_before_login = 0
        self.refused_in_clear = False

    def greeting(self) -> bytes:
        """Return the line that opens the session (RFC 1939 section 4)."""
        return replies.greeting(self._terms.banner, self._terms.timestamp)

    def receive_data(self, data: bytes) -> None:
        """Take octets from the client; any chunking gives the same session."""
        self._lines.feed(data)

    @property
    def unread(self) -> int:
        """Return how many received octets wait to be taken as lines."""
        return len(self._lines)

    def next_effect(self) -> Effect | None:
        """Return what to do next, or None until more octets or an answer come.

        Replies to pipelined commands are gathered into one effect.
        """
        gathered: list[bytes] = []
        size = 0
        while self._held is None and size < REPLIES_AT_ONCE:
            effect = self._hear()
            if effect is None:
                break
            if self._tap is not None and self._tap.on:
                self._tap.said(effect)
            if isinstance(effect, Send):
                gathered.append(effect.data)
                size += len(effect.data)
            else:
                self._held = effect
        if gathered:
            return Send(b"".join(gathered))
        held, self._held = self._held, None
        return held

    def answer(self, answer: Answer) -> None:
        """Say how the last effect went; the reply to it is the next effect."""
        self._step(type(answer))
        self._held = self._take_answer(answer)
        if self._held is not None and self._tap is not None and self._tap.on:
            self._tap.said(self._held)

    # ---- hearing one line

    def _hear(self) -> Effect | None:
        if self.state not in LISTENING:
            return None
        line = self._lines.next_line(sasl=self.state is State.SASL)
        if line is None:
            return None
        if self._tap is not None and self._tap.on:
            self._tap.heard(line, self.state)
        if isinstance(line, Overlong):
            return self._overlong(line)
        if self._drop is None:
            self._lines_before_login += 1
            if self._lines_before_login > COMMANDS_BEFORE_LOGIN:
                return self._close(
                    err("Too many commands without a login, closing"), "no-login"
                )
        return self._understand(line)

    def _understand(self, line: bytes) -> Effect:
        if self.state is State.SASL:
            self._step(SaslResponse)
            return self._sasl_response(line.rstrip(b" \t"))
        try:
            command = parse(line)
        except BadCommand as error:
            return self._bad(str(error))
        if type(command) not in TRANSITIONS[self.state]:
            return self._bad(f"Not possible in the {self.state.value} state")
        self._step(type(command))
        return self._obey(command)

    def _is_tiresome(self) -> bool:
        """Count a line of somebody who has not logged in, and tell whether it is one too many."""
        self._lines_before_login += self._drop is None
        return self._drop is None and self._lines_before_login > COMMANDS_BEFORE_LOGIN

    def _step(self, event: type[Event]) -> None:
        if event not in TRANSITIONS[self.state]:
            raise AssertionError(f"{event.__name__} in {self.state}")  # a fault of the session
        self._event = event

    def _enter(self, state: State) -> None:
        if state not in TRANSITIONS[self.state][self._event]:
            raise AssertionError(f"{self._event.__name__}: {self.state} to {state}")
        self.state = state

    def _overlong(self, overlong: Overlong) -> Effect:
        if overlong is Overlong.FLOOD:
            return self._close(err("Line too long, closing"), "line-flood")
        if self.state is State.SASL:
            self._step(SaslResponse)
            self._end_exchange()
        return self._bad("Line too long")

    def _bad(self, text: str) -> Effect:
        self._bad_commands += 1
        if self._bad_commands >= self._limits.bad_commands:
            return self._close(err("Too many bad commands, closing"), "bad-commands")
        return Send(err(text))

    def _close(self, farewell: bytes, reason: str) -> Close:
        # The one step the table does not list: from any state, when a limit is broken.
        self.state = State.CLOSED
        self._lines.clear()
        return Close(farewell, reason)

    # ---- commands

    def _obey(self, command: Command) -> Effect:
        match command:
            case User() | Pass() | Apop() | Auth() | Stls():
                return self._obey_before_login(command)
            case Capa():
                return Send(replies.multi_line("Capability list follows", self._capabilities()))
            case Quit():
                return self._quit()
            case Noop():
                return Send(ok("Nothing done"))
            case _:
                self._bad_commands = (
                    0  # a device that asks for LAST before each message means no harm
                )
                effect = transaction.obey(command, self._open_drop())
                if isinstance(effect, SendMessage):
                    self._enter(State.SENDING)
                return effect

    def _obey_before_login(self, command: User | Pass | Apop | Auth | Stls) -> Effect:
        match command:
            case Stls():
                return self._stls()
            case Apop(name, digest):
                return self._apop(name, digest)
            case Auth(None, _):
                listed = MECHANISMS if self._terms.password_allowed else ()
                return Send(replies.multi_line("Mechanisms follow", listed))
            case _ if not self._terms.password_allowed:
                self.refused_in_clear = True
                hint = "use STLS first" if self._terms.stls_offered else "use the TLS port"
                return Send(
                    err(f"No password is taken without encryption, {hint}", ResponseCode.AUTH)
                )
            case User(name):
                self._user = name
                return Send(ok("Send the password"))
            case Pass(password):
                return self._pass(password)
            case Auth(mechanism, initial_response):
                return self._auth(mechanism, initial_response)
            case _:
                assert_never(command)

    def _open_drop(self) -> Drop:
        if self._drop is None:
            raise AssertionError("TRANSACTION without a maildrop")
        return self._drop

    def _capabilities(self) -> list[str]:
        """Return what works on this connection in this state, and nothing else (RFC 2449)."""
        listed = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"]
        if self.state is State.TRANSACTION:
            return [*listed, "IMPLEMENTATION popbridge"]
        if self._terms.password_allowed:
            listed += ["USER", f"SASL {' '.join(MECHANISMS)}"]
        if self._terms.stls_offered:
            listed.append("STLS")
        return listed

    def _stls(self) -> Effect:
        if not self._terms.stls_offered:
            return Send(err("STLS is not possible on this connection"))
        # Nothing heard before the handshake may count after it (RFC 2595 section 4).
        self._lines.clear()
        self._user = None
        self._enter(State.SECURING)
        return StartTls(ok("Begin TLS negotiation"))

    def _quit(self) -> Effect:
        marked = self._drop.marked() if self._drop else ()
        if not marked:
            self._enter(State.CLOSED)
            return Close(ok("Bye"), "quit")
        self._enter(State.UPDATE)
        return Expunge(marked)

    # ---- logging in

    def _check(self, effect: CheckPassword | CheckDigest) -> Effect:
        self._user = None
        self._enter(State.CHECKING)
        return effect

    def _pass(self, password: str) -> Effect:
        if self._user is None:
            return self._bad("Send USER first")
        return self._check(CheckPassword(self._user, password))

    def _apop(self, name: str, digest: str) -> Effect:
        if self._terms.timestamp is None:
            return self._bad("APOP is not offered here")
        return self._check(CheckDigest(name, self._terms.timestamp, digest))

    def _auth(self, mechanism: str | None, initial_response: bytes | None) -> Effect:
        if mechanism not in MECHANISMS:
            return self._bad("That mechanism is not offered")
        self._exchange = MECHANISMS[mechanism]()
        self._enter(State.SASL)
        if initial_response is None:
            return Send(replies.challenge(self._exchange.first_challenge()))
        self._step(SaslResponse)
        return self._sasl_response(initial_response)

    def _sasl_response(self, response: bytes) -> Effect:
        if self._exchange is None:
            raise AssertionError("SASL without an exchange")
        if response == b"*":  # RFC 5034 section 4: the client cancels
            self._end_exchange()
            return Send(err("Cancelled"))
        try:
            outcome = self._exchange.respond(response)
        except BadExchange as error:
            self._end_exchange()
            return self._bad(str(error))
        except NotPermitted as error:
            self._end_exchange()
            return Send(err(str(error), ResponseCode.AUTH))
        if isinstance(outcome, Credentials):
            self._exchange = None
            return self._check(CheckPassword(outcome.name, outcome.password))
        return Send(replies.challenge(outcome))

    def _end_exchange(self) -> None:
        self._exchange = None
        self._enter(State.AUTHORIZATION)

    # ---- answers

    def _take_answer(self, answer: Answer) -> Effect | None:
        match answer:
            case Accepted(drop):
                self._drop = drop
                self._enter(State.TRANSACTION)
                return Send(ok("Logged in"))
            case Refused(code):
                return self._refuse(code)
            case Secured(terms):
                self._terms = terms
                self._enter(State.AUTHORIZATION)
                return None
            case Sent():
                self._enter(State.TRANSACTION)
                return None
            case Unsendable(code):
                self._enter(State.TRANSACTION)
                return Send(err("The message cannot be sent", code))
            case Expunged() | NotExpunged():
                self._enter(State.CLOSED)
                return _goodbye(answer)
            case _:
                assert_never(answer)

    def _refuse(self, code: ResponseCode) -> Effect:
        self._failed_logins += code is ResponseCode.AUTH
        text = _REFUSALS[code]
        if self._failed_logins >= self._limits.failed_logins:
            self._enter(State.CLOSED)
            return Close(err(f"{text}, closing", code), "failed-logins")
        self._enter(State.AUTHORIZATION)
        return Send(err(text, code))


def _goodbye(answer: Expunged | NotExpunged) -> Close:
    if isinstance(answer, Expunged):
        return Close(ok("Bye, messages deleted"), "quit")
    return Close(
        err("Nothing was deleted, try again later", ResponseCode.SYS_TEMP), "quit-failed"
    )
