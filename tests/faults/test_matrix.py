"""Every upstream call meets every fault for an hour: what the device sees stays true, and nothing is lost."""

from collections.abc import Callable

import pytest

from tests.faults.cell import LOOKS, NEW, OLD, UNCONVERTIBLE, Ended
from tests.faults.conftest import Play
from tests.faults.fault_kinds import CELLS, HOSTS, Kind
from tests.faults.faults_page import PAGE, Row, parse
from tests.faults.upstream_calls import Call, Scene

NAMES = [f"{call.name}-{kind.name}" for call, kind in CELLS]

CONNECTIONS = 2
"""Connections made for one try at most: the client asks once more where a kept one has broken."""


@pytest.mark.parametrize(("call", "kind"), CELLS, ids=NAMES)
def test_an_hour_of_a_fault_loses_doubles_and_blocks_nothing(
    call: Call, kind: Kind, play_cell: Play, clean_run: Callable[[Scene], Ended]
) -> None:
    clean = clean_run(call.scene)
    ended = play_cell(call.scene, call, kind)
    assert ended.requests > 0, "the fault was never met"
    _check_device(call, kind, ended)
    _check_upstream(call, kind, ended, clean)
    _check_requests(call, kind, ended)
    told = parse(PAGE.read_text("utf-8"))[call.name, kind.name]
    assert told.is_like(Row.of(ended)), f"it is {Row.of(ended)} now: run `make faults`"


def _check_device(call: Call, kind: Kind, ended: Ended) -> None:
    """What is sent is a message whole or a notice; what was here stays; in the end all is there, once."""
    deleted, kept = OLD[: call.scene.deletes], OLD[call.scene.deletes :]
    arrived = [*NEW, UNCONVERTIBLE] if call.scene.unconvertible else NEW
    for listed in (ended.seen, ended.after):
        messages, notices = _sorted_out(listed)
        assert len(messages) == len(set(messages)), "a message twice"
        assert set(messages) <= {*kept, *NEW}, "a message that was deleted, or altered"
        assert set(kept) <= set(messages), "an outage that looks like an emptied mailbox"
        assert notices <= len(arrived)
    messages, notices = _sorted_out(ended.after)
    had = len(messages) + notices
    assert had == len(kept) + len(arrived), "a message that is lost"
    assert notices == _unreadable(call, kind)
    assert not set(messages) & set(deleted)
    assert ended.trouble_after == "", "an account that failed goes on failing"


def _unreadable(call: Call, kind: Kind) -> int:
    """Return how many messages can never be had, by the service's own word."""
    says_so = call.name == "graph-fetch" and kind.name in {"500-conversion", "endless"}
    return len(NEW) if says_so else int(call.scene.unconvertible)


def _check_upstream(call: Call, kind: Kind, ended: Ended, clean: Ended) -> None:
    """Upstream is as without the fault, also in how often it was changed: all was done, and done once."""
    deleted = set(OLD[: call.scene.deletes])
    if call.disposes and kind.name in {"404", "500-conversion"}:
        # The service says that the message is gone, or is none: nothing more can be done to it.
        assert {o: p for o, p in ended.places.items() if o not in deleted} == {
            o: p for o, p in clean.places.items() if o not in deleted
        }
        return
    assert ended.places == clean.places
    marks = call.scene.on_dele == "mark-read"  # may be said twice: it is true twice
    assert {o: n for o, n in ended.changes.items() if not (marks and o in deleted)} == {
        o: n for o, n in clean.changes.items() if not (marks and o in deleted)
    }


def _check_requests(call: Call, kind: Kind, ended: Ended) -> None:
    """A failing call is made at most so often, whatever fails: in each look, for each message, in each try."""
    at_once = len(NEW) if call.name.endswith("-fetch") else 1 + call.scene.deletes
    connections = CONNECTIONS if kind.name in HOSTS else 1
    assert ended.requests <= LOOKS * at_once * kind.tries * connections
    ends_grant = call.service in {"entra", "google_signin"} and kind.name in {
        "401",
        "403-sign-in",
    }
    assert not ended.needs_enrolment or ends_grant, "an outage that ended a grant"
    if ended.needs_enrolment:
        assert ended.requests == 1


def _sorted_out(listed: list[bytes]) -> tuple[list[bytes], int]:
    """Return the messages, and how many notices there are."""
    notices = [one for one in listed if b"Subject: A message could not be fetched\r\n" in one]
    return [one for one in listed if one not in notices], len(notices)
