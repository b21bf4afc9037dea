"""A maildrop's ceiling holds however many bodies arrive at once."""

import pytest

from bridge.errors import CeilingReached
from bridge.sync.room import Room


def test_there_is_room_up_to_the_last_octet() -> None:
    room = Room(ceiling=10, used=4)
    room.check()
    room.check(6)
    with pytest.raises(CeilingReached):
        room.check(7)
    room.take(6)
    with pytest.raises(CeilingReached, match="10 octets"):
        room.check()


def test_what_does_not_fit_is_refused_and_can_be_given_back() -> None:
    room = Room(ceiling=10, used=4)
    with pytest.raises(CeilingReached):
        room.take(7)
    room.give_back(7)
    room.take(6)


def test_bodies_that_arrive_at_once_share_the_room() -> None:
    room = Room(ceiling=10, used=0)
    room.take(6)
    with pytest.raises(CeilingReached):
        room.take(5)


def test_what_was_kept_counts_and_not_what_arrived() -> None:
    room = Room(ceiling=10, used=0)
    room.take(6)
    room.settle(6, 8)
    with pytest.raises(CeilingReached):
        room.check(3)
    room.settle(8, 0)
    room.check(10)
