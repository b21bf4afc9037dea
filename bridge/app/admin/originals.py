"""Writes out the original of a message, as it came from its mailbox; says why where it is gone.

It is read where it lies, beside a bridge that may be running: nothing is changed, nobody is asked.
"""

from typing import BinaryIO

from bridge.app.state import State
from bridge.errors import (
    BodyUnreadable,
    OwnerError,
    RegisterError,
    SpoolUnavailable,
    StateError,
)
from bridge.names import SpoolId
from bridge.pop3.wireform import unstuffed
from bridge.storage.lives import Life, LifeEvent
from bridge.storage.messages import MessageState
from bridge.storage.sqlite.bodies import Held, StoredBody

_WHY_NOT_HERE = {
    MessageState.ANNOUNCED: "is not here yet: it is fetched at a look that succeeds",
    MessageState.HELD: (
        "is not kept here, since it is held; it is in the mailbox, and"
        " `popbridge message redeliver` fetches it and lists it"
    ),
    MessageState.EXPUNGED: (
        "is gone from here: it was deleted by a device or an admin, or not admitted"
    ),
    MessageState.DISPOSED: (
        "is gone from here since it was disposed of; where the mailbox still has it,"
        " `popbridge message redeliver` fetches it and lists it again"
    ),
    MessageState.VANISHED: "is gone from here: it was taken away upstream",
    MessageState.GONE: "is gone from here: it was taken away upstream",
}


async def write_original(state: State, number: SpoolId, target: BinaryIO) -> None:
    """Write a message's own octets, with CRLF line ends; nothing is written before all were found whole.

    Raises:
        OwnerError: it is gone, or damaged; why, and where to look for it.
        StateError: it cannot be read now.
    """
    life = await _life(state, number)
    try:
        opened = await _opened(state, life)
        try:
            async for piece in unstuffed(opened.pieces()):
                target.write(piece)
            target.flush()
        finally:
            opened.close()
    except BodyUnreadable as error:
        raise OwnerError(
            f"The original of message {number} is damaged here ({error}); look for it in the"
            " mailbox."
        ) from error
    except SpoolUnavailable as error:
        raise StateError(
            f"The original of message {number} cannot be read now: {error}."
        ) from error


async def _life(state: State, number: SpoolId) -> Life:
    life = await state.histories.life(number)
    if life is None:
        raise RegisterError(f"There is no message {number}; see `popbridge message list`.")
    return life


async def _opened(state: State, life: Life) -> StoredBody:
    try:
        return await state.bodies.open(life.spool_id, _held_as(life))
    except BodyUnreadable:
        # A running bridge may just have removed it; then its row tells why.
        now = await _life(state, life.spool_id)
        return await state.bodies.open(now.spool_id, _held_as(now))


def _held_as(life: Life) -> Held:
    """Return which file is the original.

    Raises:
        OwnerError: there is none.
    """
    if life.original_octets is not None:
        return Held.ORIGINAL
    if life.state is MessageState.QUARANTINED:
        raise OwnerError(
            f"The original of message {life.spool_id} never came, a notice stands for it:"
            f" {_why_quarantined(life)}."
        )
    if life.octets is not None:  # what devices get is what came
        return Held.BODY
    raise OwnerError(f"The original of message {life.spool_id} {_WHY_NOT_HERE[life.state]}.")


def _why_quarantined(life: Life) -> str:
    told = [event.detail for event in life.events if event.event is LifeEvent.QUARANTINED]
    return told[-1] if told else "nothing is known of the reason any more"
