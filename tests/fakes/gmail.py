"""Gmail on loopback: tokens, scopes, quota and the mail of its users, held to Gmail's own description."""

import json
import re
from collections.abc import Callable
from urllib.parse import unquote

import trustme

from bridge.clock import Clock
from tests.fakes.faults import Answer
from tests.fakes.gmail_answers import (
    Json,
    chosen,
    nothing,
    of_message,
    of_value,
    refusal,
    too_many_at_once,
    unknown_address,
)
from tests.fakes.gmail_contract import GmailContract, fields_faults, query_faults
from tests.fakes.gmail_discovery import Method, find
from tests.fakes.gmail_methods import HANDLERS, Call, Result
from tests.fakes.gmail_store import BadArgument, GmailMailbox, Refusal
from tests.fakes.gmail_units import Units
from tests.fakes.google_signin import FakeGoogleSignin
from tests.fakes.google_signin_dated import Dated, bearer_of
from tests.fakes.service import Asked

__all__ = ["FakeGmail", "GmailMailbox", "refusal", "too_many_at_once"]

FULL = "https://mail.google.com/"
MODIFY = "https://www.googleapis.com/auth/gmail.modify"
READONLY = "https://www.googleapis.com/auth/gmail.readonly"
METADATA = "https://www.googleapis.com/auth/gmail.metadata"
LABELS = "https://www.googleapis.com/auth/gmail.labels"

_WITHOUT_CONTENT = frozenset({METADATA, LABELS})


class FakeGmail(Dated):
    """Gmail for the users that `signin` knows.

    `mailbox` is that of the user who consents unless a test says otherwise, `mailboxes` are all by address.
    `limit` is how many requests may be in flight, `units_per_minute` what each user may spend (None:
    anything), `over_quota` the answer to who spends more.
    """

    def __init__(
        self, ca: trustme.CA, signin: FakeGoogleSignin, clock: Clock | None = None
    ) -> None:
        super().__init__(ca, clock)
        self.signin = signin
        self.mailbox = GmailMailbox(signin.user)
        self.mailboxes = {signin.user: self.mailbox}
        self.contract = GmailContract(signin.scopes_of)
        self.units = Units()
        self.units_per_minute: int | None = None
        self.over_quota = refusal(403, "rateLimitExceeded")
        self.limit = 10
        self._crowding: dict[int, Asked] = {}  # kept, so that an id stays its own
        self._meanwhile: list[tuple[re.Pattern[str], Callable[[], object]]] = []

    def add_mailbox(self, address: str) -> GmailMailbox:
        """Give another user mail."""
        self.mailboxes[address] = GmailMailbox(address)
        return self.mailboxes[address]

    def meanwhile(self, pattern: str, act: Callable[[], object]) -> None:
        """Call `act` once, just before the next request that matches takes effect."""
        self._meanwhile.append((re.compile(pattern), act))

    def check_request(self, asked: Asked) -> list[str]:
        if self.in_flight > self.limit:
            self._crowding[id(asked)] = asked
        return self.contract.check_request(asked) + _beyond_this_fake(asked)

    def check_answer(self, asked: Asked, answer: Answer) -> list[str]:
        return self.contract.check_answer(asked, answer)

    async def answer(self, asked: Asked) -> Answer:
        self._let_happen(asked)
        method = find(asked.method, asked.raw_path)
        if method is None:
            return unknown_address()
        token = bearer_of(asked)
        scopes = self.signin.scopes_of(token)
        if scopes is None:
            return refusal(401, "authError" if token else "required")
        if not scopes & method.scopes:
            return refusal(403, "insufficientPermissions")
        if id(asked) in self._crowding:
            return too_many_at_once()
        return _misasked(asked, method) or self._admitted(asked, method, scopes)

    def _admitted(self, asked: Asked, method: Method, scopes: frozenset[str]) -> Answer:
        """Answer somebody who may ask this."""
        name = method.id.removeprefix("gmail.users.")
        user = self.signin.subject_of(bearer_of(asked)) or ""
        mailbox = self.mailboxes.get(user)
        if mailbox is None:
            return refusal(400, "failedPrecondition")
        whose, *parts = _path_parts(asked, method)
        if whose not in {"me", user}:
            return refusal(403, "forbidden", f"Delegation denied for {user}")
        if name not in HANDLERS:
            return refusal(501, "notImplemented", "This fake does not know that method")
        if not self.units.spend(user, name, self.clock.monotonic(), self.units_per_minute):
            return self.over_quota
        try:
            parsed = _json_object(asked.body)
            sees_metadata_only = scopes <= _WITHOUT_CONTENT
            call = Call(mailbox, asked.query, tuple(parts), parsed, sees_metadata_only)
            return _rendered(HANDLERS[name](call), call)
        except Refusal as error:
            return refusal(error.status, error.reason, str(error))

    def _let_happen(self, asked: Asked) -> None:
        line = f"{asked.method} {asked.raw_path}"
        for one in [one for one in self._meanwhile if one[0].search(line)]:
            self._meanwhile.remove(one)
            one[1]()


def _misasked(asked: Asked, method: Method) -> Answer | None:
    """Return what Google answers to parameters that it does not have."""
    if faults := query_faults(asked, method):
        return refusal(400, "invalidArgument", faults[0])
    if faults := fields_faults(asked, method):
        return refusal(400, "invalidParameter", faults[0])
    return None


def _rendered(result: Result, call: Call) -> Answer:
    if result.value is None:
        return nothing()
    pretty = call.query.get("prettyPrint", "true") == "true"
    fields = call.query.get("fields")
    value = chosen(result.value, fields) if fields is not None else result.value
    if result.message is not None:
        return of_message(value, result.message, call.mailbox, pretty=pretty)
    return of_value(value, pretty=pretty)


def _beyond_this_fake(asked: Asked) -> list[str]:
    method = find(asked.method, asked.raw_path)
    if method is None:
        return []
    found = []
    if method.id.removeprefix("gmail.users.") not in HANDLERS:
        found.append(f"{method.id} is beyond this fake")
    if asked.query.get("alt", "json") != "json":
        found.append("this fake speaks JSON only")
    if method.id == "gmail.users.messages.get" and asked.query.get("format") in {None, "full"}:
        found.append("format full is beyond this fake")
    return found


def _path_parts(asked: Asked, method: Method) -> tuple[str, ...]:
    found = method.path.fullmatch(asked.raw_path.partition("?")[0])
    assert found is not None
    return tuple(unquote(one) for one in found.groups())


def _json_object(body: bytes) -> Json:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadArgument("Invalid JSON payload received.")
    return value
