"""How a server speaks to one machine: which commands it knows, what it lists, how it words a reply."""

import attrs

from bridge.pop3.commands import Capa, Command, Lang, Last, Top, Uidl, Utf8
from bridge.pop3.events import Expunged, NotExpunged, Terms
from bridge.pop3.quirks import Quirks, TempError, Wording
from bridge.pop3.replies import ResponseCode, err, ok
from bridge.pop3.sasl import MECHANISMS
from bridge.pop3.table import State

SHORT_OK = "ready"
"""What a short reply says; never nothing, since a bare +OK broke clients (Mail::POP3Client)."""

SHORT_ERR = "refused"

REFUSALS = {
    ResponseCode.AUTH: "Login failed",
    ResponseCode.IN_USE: "The maildrop is in use by another session",
    ResponseCode.LOGIN_DELAY: "You have just logged in, come again later",
    ResponseCode.SYS_TEMP: "The maildrop cannot be opened now, try again later",
    ResponseCode.SYS_PERM: "The maildrop cannot be opened, see the log of the bridge",
}
"""What a login is answered that opens no maildrop, where a reply is not worded short."""

_TEMPORARY = {
    TempError.SYS_TEMP: ResponseCode.SYS_TEMP,
    TempError.IN_USE: ResponseCode.IN_USE,
    TempError.PLAIN: None,
}


@attrs.frozen
class Voice:
    """Status lines and lists as one machine takes them."""

    quirks: Quirks

    def ok(self, text: str, *, before: str = "") -> bytes:
        """Return a positive status line without a number that somebody could read; `before` is never cut."""
        said = SHORT_OK if self.quirks.wording is Wording.SHORT else text
        return ok(f"{before} {said}" if before else said)

    def err(self, text: str, code: ResponseCode | None = None) -> bytes:
        """Return a negative status line, with a response code where one applies and is understood."""
        if code is ResponseCode.SYS_TEMP:
            code = _TEMPORARY[self.quirks.temp_error]
        short = self.quirks.wording is Wording.SHORT
        return err(SHORT_ERR if short else text, code if self.quirks.resp_codes else None)

    def refusal(self, code: ResponseCode) -> bytes:
        """Return what a login is answered that opens no maildrop."""
        return self.err(REFUSALS[code], code)

    def no_password(self, terms: Terms) -> bytes:
        """Return what a password is answered that nothing protects."""
        hint = "use STLS first" if terms.stls_offered else "use the TLS port"
        text = f"No password is taken without encryption, {hint}"
        return self.err(text, ResponseCode.AUTH)

    def last_refusal(self, code: ResponseCode) -> bytes:
        """Return the same where the connection is closed behind it."""
        return self.err(f"{REFUSALS[code]}, closing", code)

    def goodbye(self, answer: Expunged | NotExpunged) -> tuple[bytes, str]:
        """Return what QUIT is answered once it is known whether it deleted, and why it ends."""
        if isinstance(answer, Expunged):
            return self.ok("Bye, messages deleted"), "quit"
        text = "Nothing was deleted, try again later"
        return self.err(text, ResponseCode.SYS_TEMP), "quit-failed"

    def knows(self, command: type[Command]) -> bool:
        """Tell whether the command exists for this machine."""
        quirks = self.quirks
        hidden = {
            Capa: quirks.capa, Uidl: quirks.uidl, Top: quirks.top, Last: quirks.last,
            # What came with CAPA is not for a machine that does not know of it.
            Utf8: quirks.capa, Lang: quirks.capa,
        }  # fmt: skip
        return hidden.get(command, True)

    def capabilities(self, terms: Terms, state: State, *, in_utf8: bool) -> list[str]:
        """Return what works on this connection in this state, and nothing else (docs/decisions/0011)."""
        quirks = self.quirks
        listed = ["TOP"] if self.knows(Top) else []
        listed += ["UIDL"] if self.knows(Uidl) else []
        listed += ["RESP-CODES", "AUTH-RESP-CODE"] if quirks.resp_codes else []
        listed += ["PIPELINING"] if quirks.pipelining else []
        listed.append("LANG")
        # Its own may have been set since the connection was made, when no device had one.
        if terms.login_delay or terms.own_login_delay:
            listed.append(_login_delay(terms, state))
        if state is State.TRANSACTION:
            return [*listed, "IMPLEMENTATION popbridge"]
        if terms.password_allowed:
            listed += ["USER", f"SASL {' '.join(MECHANISMS)}"]
        if terms.logins_possible:
            listed.append("UTF8")
        if terms.stls_offered and quirks.stls_advert and not in_utf8:
            listed.append("STLS")
        return listed


def _login_delay(terms: Terms, state: State) -> str:
    """Say the largest delay of any device before a login, and the device's own behind it (RFC 2449 section 6.5).

    Its own is said even where it is 0: the client may have heard of a larger one before.
    """
    if state is State.TRANSACTION:
        return f"LOGIN-DELAY {terms.own_login_delay}"
    return f"LOGIN-DELAY {terms.login_delay}{' USER' if terms.login_delays_differ else ''}"
