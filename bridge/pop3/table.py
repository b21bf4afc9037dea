"""The states of a session and every step between them: the one table that the machine obeys.

The diagram in docs/architecture.md is drawn from this table, so neither can lie about the other.
"""

import enum
from collections.abc import Mapping

import attrs

from bridge.pop3.commands import (
    Apop,
    Auth,
    Capa,
    Command,
    Dele,
    Lang,
    Last,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
)
from bridge.pop3.events import (
    Accepted,
    Answer,
    Expunged,
    NotExpunged,
    Refused,
    Secured,
    Sent,
    Unsendable,
)


class State(enum.Enum):
    """Where a session stands; the first and the last three are RFC 1939's own or lead to them."""

    AUTHORIZATION = "AUTHORIZATION"
    SECURING = "SECURING"  # STLS was answered, the handshake runs
    SASL = "SASL"  # an AUTH exchange waits for the client's response
    CHECKING = "CHECKING"  # credentials are being checked, the maildrop locked and listed
    TRANSACTION = "TRANSACTION"
    SENDING = "SENDING"  # RETR or TOP
    UPDATE = "UPDATE"
    CLOSED = "CLOSED"

    # Every line looks a state up; the identity's hash costs a tenth of the one enum gives it.
    __hash__ = object.__hash__


@attrs.frozen
class SaslResponse:
    """A line of an AUTH exchange; it is not a command."""

    text: bytes = attrs.field(repr=False)


Event = Command | SaslResponse | Answer

_A, _T = State.AUTHORIZATION, State.TRANSACTION

TRANSITIONS: Mapping[State, Mapping[type[Event], frozenset[State]]] = {
    State.AUTHORIZATION: {
        User: frozenset({_A}),
        Pass: frozenset({_A, State.CHECKING}),
        Apop: frozenset({_A, State.CHECKING}),
        Auth: frozenset({_A, State.SASL}),
        Capa: frozenset({_A}),
        Stls: frozenset({_A, State.SECURING}),
        Utf8: frozenset({_A}),
        Lang: frozenset({_A}),
        Quit: frozenset({State.CLOSED}),
    },
    State.SECURING: {Secured: frozenset({_A})},
    State.SASL: {SaslResponse: frozenset({_A, State.SASL, State.CHECKING})},
    State.CHECKING: {
        Accepted: frozenset({_T}),
        Refused: frozenset({_A, State.CLOSED}),
    },
    State.TRANSACTION: {
        Stat: frozenset({_T}),
        List: frozenset({_T}),
        Uidl: frozenset({_T}),
        Retr: frozenset({_T, State.SENDING}),
        Top: frozenset({_T, State.SENDING}),
        Dele: frozenset({_T}),
        Rset: frozenset({_T}),
        Last: frozenset({_T}),
        Noop: frozenset({_T}),
        Capa: frozenset({_T}),
        Lang: frozenset({_T}),
        Quit: frozenset({State.UPDATE, State.CLOSED}),
    },
    State.SENDING: {
        Sent: frozenset({_T}),
        Unsendable: frozenset({_T}),
    },
    State.UPDATE: {
        Expunged: frozenset({State.CLOSED}),
        NotExpunged: frozenset({State.CLOSED}),
    },
    State.CLOSED: {},
}

LISTENING = frozenset({State.AUTHORIZATION, State.SASL, State.TRANSACTION})
"""States in which the next line of the client is taken; in the others it waits its turn."""


def diagram() -> str:
    """Return the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> AUTHORIZATION: greeting"]
    for state, events in TRANSITIONS.items():
        steps: dict[State, list[str]] = {}
        for event, targets in events.items():
            for target in targets:
                steps.setdefault(target, []).append(_label(event))
        lines += [
            f"    {state.value} --> {target.value}: {', '.join(steps[target])}"
            for target in State
            if target in steps
        ]
    return "\n".join([*lines, "    CLOSED --> [*]"])


def _label(event: type[Event]) -> str:
    name = event.__name__
    is_command = event.__module__.endswith(".commands")
    return name.upper() if is_command else f"({name})"
