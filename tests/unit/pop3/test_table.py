from typing import get_args

import pytest

from bridge.pop3 import table
from bridge.pop3.commands import Apop, Auth, Command, Pass, Quit, Stls, User
from bridge.pop3.events import Answer
from bridge.pop3.table import LISTENING, TRANSITIONS, SaslResponse, State

COMMANDS = set(get_args(Command))
STEPS = {
    (state, event, target)
    for state, events in TRANSITIONS.items()
    for event, targets in events.items()
    for target in targets
}


def test_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_command_and_every_answer_is_allowed_somewhere() -> None:
    allowed = {event for _, event, _ in STEPS}
    assert allowed == COMMANDS | set(get_args(Answer)) | {SaslResponse}


def test_every_state_can_be_reached_and_left_for_good() -> None:
    reached = {State.AUTHORIZATION}
    while more := {target for state, _, target in STEPS if state in reached} - reached:
        reached |= more
    assert reached == set(State)
    leading_out = {State.CLOSED}
    while more := {state for state, _, target in STEPS if target in leading_out} - leading_out:
        leading_out |= more
    assert leading_out == set(State)


def test_nothing_follows_the_end() -> None:
    assert not TRANSITIONS[State.CLOSED]


def test_a_line_is_taken_where_a_line_can_mean_something() -> None:
    heard = COMMANDS | {SaslResponse}
    assert {state for state, event, _ in STEPS if event in heard} == LISTENING


def test_no_state_waits_for_the_client_and_for_an_answer() -> None:
    answered = {state for state, event, _ in STEPS if event in get_args(Answer)}
    assert not answered & LISTENING


def test_only_credentials_lead_to_a_login() -> None:
    """RFC 1939 section 4."""
    leading_in = {event for _, event, target in STEPS if target is State.CHECKING}
    assert leading_in == {Pass, Apop, SaslResponse}
    assert {state for state, _, target in STEPS if target is State.TRANSACTION} == {
        State.CHECKING, State.SENDING, State.TRANSACTION,
    }  # fmt: skip


def test_only_quit_in_transaction_leads_to_update() -> None:
    """RFC 1939 section 6."""
    assert {(state, event) for state, event, target in STEPS if target is State.UPDATE} == {
        (State.TRANSACTION, Quit)
    }


@pytest.mark.parametrize("command", [User, Pass, Apop, Auth, Stls])
def test_nobody_logs_in_twice(command: type[Command]) -> None:
    assert command not in TRANSITIONS[State.TRANSACTION]


def test_the_diagram_shows_each_step_once_and_nothing_else() -> None:
    lines = table.diagram().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> AUTHORIZATION: greeting"]
    assert lines[-1] == "    CLOSED --> [*]"
    drawn = set()
    for line in lines[2:-1]:
        arrow, _, labels = line.strip().partition(": ")
        state, _, target = arrow.partition(" --> ")
        drawn |= {(state, label, target) for label in labels.split(", ")}
    assert drawn == {
        (
            state.value,
            event.__name__.upper() if event in COMMANDS else f"({event.__name__})",
            target.value,
        )
        for state, event, target in STEPS
    }


def test_no_response_shows_in_an_event_that_is_printed() -> None:
    assert "hush" not in repr(SaslResponse(b"hush"))
