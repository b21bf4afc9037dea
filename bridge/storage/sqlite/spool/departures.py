"""What becomes of messages that upstream has no more, and of those whose bodies are damaged here.

Each runs inside a transaction of its caller, as the steps of `bridge.storage.sqlite.spool.steps` do.
"""

import sqlite3
from collections.abc import Iterable

from bridge.names import MaildropName, SpoolId
from bridge.storage.lives import LifeEvent
from bridge.storage.messages import MessageState
from bridge.storage.sqlite.spool import local
from bridge.storage.sqlite.spool.lives import happened
from bridge.storage.sqlite.spool.steps import DOUBTFUL_WHY, bury, ids, present, release_copies
from providers.contract import RemoteId

DAMAGED_WHY = "its body here is damaged; `popbridge message redeliver` fetches it again"


def forget(
    db: sqlite3.Connection, maildrop: MaildropName, messages: Iterable[RemoteId], now: float
) -> None:
    """Let messages be gone that upstream has no more."""
    # Until the look that saw them gone is over, what it knew may be wrong: should it not
    # end, the next one lists in full. An old cursor would hide a message that came back.
    db.execute("UPDATE maildrop SET cursor = NULL WHERE name = ?", (maildrop,))
    for remote_id in messages:
        key = (maildrop, remote_id)
        _bury_doubtful(db, key, now)
        # Of these no session was told; of the others one may have been, and may still delete them.
        gone = _leave(db, key, "gone", MessageState.ANNOUNCED, MessageState.HELD)
        release_copies(db, gone)
        gone += _leave(db, key, "vanished", MessageState.READY, MessageState.QUARANTINED)
        happened(db, gone, LifeEvent.VANISHED, now)


def sweep_vanished(db: sqlite3.Connection, maildrop: MaildropName) -> list[SpoolId]:
    """Let go of vanished messages, and return them; only while no session is open.

    What was held as a copy of one of them is fetched: nobody took the first. Where one was a notice, its
    message may be back already, which a full list tells. Their lives are kept, to be told.
    """
    rows = db.execute(
        "SELECT id, octets IS NULL FROM message WHERE maildrop = ? AND state = 'vanished'",
        (maildrop,),
    ).fetchall()
    if any(was_notice for _, was_notice in rows):
        db.execute("UPDATE maildrop SET cursor = NULL WHERE name = ?", (maildrop,))
    gone = ids(rows)
    db.executemany(
        "UPDATE message SET state = 'gone', octets = NULL WHERE id = ?",
        [(one,) for one in gone],
    )
    release_copies(db, gone)
    return gone


def fetch_again(
    db: sqlite3.Connection, maildrop: MaildropName, damaged: Iterable[SpoolId], now: float
) -> tuple[list[SpoolId], list[SpoolId]]:
    """Let messages wait for their bodies again; return whose bodies go, and which are settled.

    One that an admin had listed again may be gone upstream, or lie in another folder, and one that was made
    here never was there: it is held.
    """
    bodies: list[SpoolId] = []
    settled = []
    for spool_id in damaged:
        found = present(db, spool_id)
        if found is not None and found.maildrop != maildrop:
            continue
        settled.append(spool_id)
        held = db.execute(
            "UPDATE message SET state = 'held', octets = NULL"
            " WHERE id = ? AND state = 'ready' AND redelivered > 0 RETURNING id",
            (spool_id,),
        ).fetchall()
        happened(db, ids(held), LifeEvent.HELD, now, detail=DAMAGED_WHY)
        held += local.lose(db, spool_id, now)
        again = db.execute(
            "UPDATE message SET state = 'announced', octets = NULL"
            " WHERE id = ? AND state IN ('ready', 'quarantined') RETURNING id",
            (spool_id,),
        ).fetchall()
        bodies += ids(held + again)
    return bodies, settled


def _leave(
    db: sqlite3.Connection,
    key: tuple[MaildropName, RemoteId],
    state: str,
    *before: MessageState,
) -> list[SpoolId]:
    return ids(
        db.execute(
            # A notice is not the message: should that come back, it is fetched anew.
            "UPDATE message SET state = ?, twin = NULL,"
            " octets = CASE state WHEN 'ready' THEN octets END"
            " WHERE maildrop = ? AND remote_id = ? AND redelivered = 0 AND state IN (?, ?)"
            " RETURNING id",
            (state, *key, *before),
        ).fetchall()
    )


def _bury_doubtful(
    db: sqlite3.Connection, key: tuple[MaildropName, RemoteId], now: float
) -> None:
    """Let what may have been printed before a restore be a tombstone, now that it is gone upstream.

    It went because a device deleted it, or because somebody took it away: should it come back, it would
    print twice in the one case, and `message redeliver` lists it in the other.
    """
    gone = db.execute(
        "UPDATE message SET state = 'expunged', octets = NULL, twin = NULL, disposition = 'keep'"
        " WHERE maildrop = ? AND remote_id = ? AND doubtful = 1 AND state = 'held'"
        " RETURNING id",
        key,
    ).fetchall()
    happened(db, ids(gone), LifeEvent.VANISHED, now, detail=DOUBTFUL_WHY)
    bury(db, [(one, key[0]) for one in ids(gone)])
