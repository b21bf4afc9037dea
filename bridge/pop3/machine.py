"""One POP3 session as a machine: octets in, effects out, answers in (RFC 1939, 2449, 2595, 5034).

It knows no socket, clock or log. Every step it takes is looked up in bridge.pop3.table; a command
that the table does not list for the present state is refused there, not here.
"""

from typing import assert_never

from bridge.pop3 import authorization, languages, replies, transaction
from bridge.pop3.authorization import Authorization
from bridge.pop3.commands import (
    UNKNOWN,
    Apop,
    Auth,
    BadCommand,
    Capa,
    Command,
    Lang,
    Last,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stls,
    User,
    Utf8,
    parse,
)
from bridge.pop3.events import (
    Accepted,
    Answer,
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
    Terms,
    Unsendable,
)
from bridge.pop3.framing import LineBuffer, Overlong
from bridge.pop3.replies import ResponseCode, ok
from bridge.pop3.table import LISTENING, TRANSITIONS, Event, SaslResponse, State
from bridge.pop3.transcript import Tap
from bridge.pop3.voice import Voice

REPLIES_AT_ONCE = 65536
"""Octets of replies to pipelined commands that are gathered into one write before the session
looks whether the client takes them."""

COMMANDS_BEFORE_LOGIN = 100
"""Lines taken from somebody who has not logged in. The busiest client known to us needs a dozen; without
a bound a stranger could keep the server busy with questions that cost it more than him."""


class Machine:
    """The server's side of one session; `next_effect` says what to do, `answer` how it went."""

    __slots__ = (
        "_bad_commands",
        "_drop",
        "_event",
        "_failed_logins",
        "_held",
        "_last",
        "_limits",
        "_lines",
        "_lines_before_login",
        "_login",
        "_reading",
        "_tap",
        "_terms",
        "_voice",
        "state",
    )  # fmt: skip

    def __init__(self, terms: Terms, limits: MachineLimits, tap: Tap | None = None) -> None:
        self.state = State.AUTHORIZATION
        self._terms = terms
        self._limits = limits
        self._voice = Voice(terms.quirks)
        self._last = self._reading = 0
        self._tap = tap
        self._lines = LineBuffer(limits.command_octets, limits.sasl_octets)
        self._login = Authorization()
        self._drop: Drop | None = None
        self._held: Effect | None = None
        self._event: type[Event] = Quit
        self._bad_commands = 0
        self._failed_logins = 0
        self._lines_before_login = 0

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

    @property
    def refused_in_clear(self) -> bool:
        """Tell whether the client wanted to send a password where none may be sent."""
        return self._login.refused_in_clear

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
                    self._voice.err("Too many commands without a login, closing"), "no-login"
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
        if not self._voice.knows(type(command)):
            return self._bad(UNKNOWN)
        if type(command) not in TRANSITIONS[self.state]:
            return self._bad(f"Not possible in the {self.state.value} state")
        self._step(type(command))
        return self._obey(command)

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
            return self._close(self._voice.err("Line too long, closing"), "line-flood")
        if self.state is State.SASL:
            self._step(SaslResponse)
            self._login.abandon()
            self._enter(State.AUTHORIZATION)
        return self._bad("Line too long")

    def _bad(self, text: str) -> Effect:
        self._bad_commands += 1
        if self._bad_commands >= self._limits.bad_commands:
            return self._close(
                self._voice.err("Too many bad commands, closing"), "bad-commands"
            )
        return Send(self._voice.err(text))

    def _close(self, farewell: bytes, reason: str) -> Close:
        # The one step the table does not list: from any state, when a limit is broken.
        self.state = State.CLOSED
        self._lines.clear()
        return Close(farewell, reason)

    # ---- commands

    def _obey(self, command: Command) -> Effect:
        match command:
            case User() | Pass() | Apop() | Auth() | Stls() | Utf8():
                return self._obey_before_login(command)
            case Capa():
                listed = self._voice.capabilities(
                    self._terms, self.state, in_utf8=self._login.in_utf8
                )
                head = self._voice.ok("Capability list follows")
                return Send(replies.multi_line(head, listed))
            case Lang(language):
                return Send(languages.answer(language, self._voice))
            case Quit():
                return self._quit()
            case Noop():
                return Send(self._voice.ok("Nothing done"))
            case Last():
                return Send(ok(str(self._last)))
            case _:
                return self._obey_logged_in(command)

    def _obey_logged_in(self, command: transaction.TransactionCommand) -> Effect:
        self._bad_commands = 0  # a device that asks for LAST before each message means no harm
        effect = transaction.obey(command, self._open_drop(), self._voice)
        if isinstance(effect, SendMessage):
            self._reading = command.number if isinstance(command, Retr) else 0
            self._enter(State.SENDING)
        elif isinstance(command, Rset):
            self._last = 0  # RFC 1460, RSET
        return effect

    def _obey_before_login(self, command: authorization.AuthorizationCommand) -> Effect:
        try:
            effect, state = self._login.obey(command, self._terms, self._voice)
        except BadCommand as error:
            return self._bad(str(error))
        self._enter(state)
        if state is State.SECURING:
            # Nothing heard before the handshake may count after it (RFC 2595 section 4).
            self._lines.clear()
        elif (
            state is State.SASL
            and isinstance(command, Auth)
            and command.initial_response is not None
        ):
            self._step(SaslResponse)
            return self._sasl_response(command.initial_response)
        return effect

    def _sasl_response(self, response: bytes) -> Effect:
        try:
            effect, state = self._login.respond(response, self._voice)
        except BadCommand as error:
            self._enter(State.AUTHORIZATION)
            return self._bad(str(error))
        self._enter(state)
        return effect

    def _open_drop(self) -> Drop:
        if self._drop is None:
            raise AssertionError("TRANSACTION without a maildrop")
        return self._drop

    def _quit(self) -> Effect:
        marked = self._drop.marked() if self._drop else ()
        if not marked:
            self._enter(State.CLOSED)
            return Close(self._voice.ok("Bye"), "quit")
        self._enter(State.UPDATE)
        return Expunge(marked)

    # ---- answers

    def _take_answer(self, answer: Answer) -> Effect | None:
        match answer:
            case Accepted(drop, quirks, login_delay):
                self._drop = drop
                if self._login.in_utf8:
                    drop.use_utf8()
                self._terms = self._terms.after_login(login_delay)
                self._voice = self._voice if quirks is None else Voice(quirks)
                self._enter(State.TRANSACTION)
                return Send(self._voice.ok("Logged in"))
            case Refused(code, quirks):
                return self._refuse(code, self._voice if quirks is None else Voice(quirks))
            case Secured(terms):
                self._terms = terms
                self._voice = Voice(terms.quirks)
                self._enter(State.AUTHORIZATION)
                return None
            case Sent():
                # A message that could not be sent is not one that was had.
                self._last = max(self._last, self._reading)
                self._enter(State.TRANSACTION)
                return None
            case Unsendable(code):
                self._enter(State.TRANSACTION)
                return Send(self._voice.err("The message cannot be sent", code))
            case Expunged() | NotExpunged():
                self._enter(State.CLOSED)
                return Close(*self._voice.goodbye(answer))
            case _:
                assert_never(answer)

    def _refuse(self, code: ResponseCode, voice: Voice) -> Effect:
        self._failed_logins += code is ResponseCode.AUTH
        if self._failed_logins >= self._limits.failed_logins:
            self._enter(State.CLOSED)
            return Close(voice.last_refusal(code), "failed-logins")
        self._enter(State.AUTHORIZATION)
        return Send(voice.refusal(code))
