-- The life of every message, messages that are held back, and what an admin may choose per maildrop.

ALTER TABLE maildrop ADD COLUMN on_outage TEXT NOT NULL DEFAULT 'serve'
    CHECK (on_outage IN ('serve', 'empty', 'error'));
ALTER TABLE maildrop ADD COLUMN print_once INTEGER NOT NULL DEFAULT 86400  -- seconds; 0: off
    CHECK (print_once >= 0);
ALTER TABLE maildrop ADD COLUMN ceiling INTEGER NOT NULL DEFAULT 2147483648  -- octets at rest
    CHECK (ceiling > 0);
-- After a restore: what the backup does not know is doubtful, until one look has seen everything.
ALTER TABLE maildrop ADD COLUMN holds_unknown INTEGER NOT NULL DEFAULT 0
    CHECK (holds_unknown IN (0, 1));

CREATE TABLE message_new (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,   -- never reused: it names the body file
    maildrop    TEXT NOT NULL REFERENCES maildrop (name) ON DELETE CASCADE,
    remote_id   TEXT NOT NULL,
    unique_id   TEXT NOT NULL CHECK (length(unique_id) BETWEEN 1 AND 70),
    sort_key    TEXT NOT NULL,
    state       TEXT NOT NULL,
    octets      INTEGER CHECK (octets >= 0),
    disposition TEXT,                 -- what upstream still has to do
    likeness    BLOB,                 -- equal in two copies of one print job (bridge/imprint/imprint.py)
    arrived     REAL,                 -- when the mailbox took it, seconds since the epoch
    delivered   REAL,                 -- when its body was first here
    envelope    BLOB,                 -- sender, subject, date; sealed
    twin        INTEGER,              -- the message that this one, held, is a second copy of
    doubtful    INTEGER NOT NULL DEFAULT 0           -- printed already, for all a restored backup knows
        CHECK (doubtful IN (0, 1)),
    redelivered INTEGER NOT NULL DEFAULT 0,          -- how often an admin had it listed again
    UNIQUE (maildrop, remote_id),
    UNIQUE (maildrop, unique_id),
    CHECK (twin IS NULL OR state = 'held'),
    CHECK (
        CASE state
            WHEN 'announced'   THEN octets IS NULL AND disposition IS NULL
            WHEN 'ready'       THEN octets IS NOT NULL AND disposition IS NULL
            WHEN 'quarantined' THEN octets IS NOT NULL AND disposition IS NULL
            WHEN 'held'        THEN octets IS NULL AND disposition IS NULL
            WHEN 'expunged'    THEN octets IS NULL AND disposition IS NOT NULL
            WHEN 'disposed'    THEN octets IS NULL AND disposition IS NULL
            WHEN 'vanished'    THEN disposition IS NULL
            WHEN 'gone'        THEN octets IS NULL AND disposition IS NULL
            ELSE FALSE
        END
    )
) STRICT;

INSERT INTO message_new (id, maildrop, remote_id, unique_id, sort_key, state, octets, disposition)
    SELECT id, maildrop, remote_id, unique_id, sort_key, state, octets, disposition FROM message;

-- An id is never used again, that of a message which is long gone included.
UPDATE sqlite_sequence SET seq = max(seq, coalesce(
    (SELECT old.seq FROM sqlite_sequence AS old WHERE old.name = 'message'), 0
)) WHERE name = 'message_new';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'message_new', seq FROM sqlite_sequence AS old
    WHERE old.name = 'message'
      AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'message_new');

DROP TRIGGER message_birth;
DROP TRIGGER message_step;
DROP TRIGGER message_end;
DROP TABLE message;
ALTER TABLE message_new RENAME TO message;

CREATE INDEX message_listed ON message (maildrop, sort_key, id) WHERE state IN ('ready', 'quarantined');
CREATE INDEX message_pending ON message (maildrop, sort_key, id) WHERE state = 'announced';
CREATE INDEX message_queued ON message (id) WHERE state = 'expunged';
CREATE INDEX message_vanished ON message (maildrop) WHERE state = 'vanished';
CREATE INDEX message_likeness ON message (maildrop, likeness) WHERE likeness NOT NULL;
CREATE INDEX message_twin ON message (twin) WHERE twin NOT NULL;

CREATE TRIGGER message_birth BEFORE INSERT ON message
WHEN NEW.state <> 'announced'
BEGIN
    SELECT RAISE(ABORT, 'a message begins as announced');
END;

CREATE TRIGGER message_step BEFORE UPDATE OF state ON message
WHEN OLD.state || '>' || NEW.state NOT IN (
    'announced>ready', 'announced>quarantined', 'announced>held', 'announced>vanished',
    'ready>expunged', 'ready>vanished',
    'quarantined>expunged', 'quarantined>vanished',
    'vanished>ready', 'vanished>disposed',
    'expunged>disposed',
    -- a body that cannot be read, or was not in a backup, is fetched again
    'ready>announced', 'quarantined>announced',
    -- or held, where upstream may have it no more
    'ready>held',
    -- no session can delete it any more: what is left is its life, until it comes back
    'vanished>held',
    'announced>gone', 'held>gone', 'vanished>gone', 'gone>announced',
    -- the message that a held one is a copy of is gone
    'held>announced', 'held>vanished',
    -- an admin drops a message, or has one listed again
    'announced>expunged', 'held>expunged',
    'held>ready', 'quarantined>ready', 'disposed>ready'
)
BEGIN
    SELECT RAISE(ABORT, 'no such step between states of a message');
END;

-- A tombstone, and a message a device may still fetch, go only together with their maildrop.
CREATE TRIGGER message_end BEFORE DELETE ON message
WHEN OLD.state NOT IN ('announced', 'vanished', 'gone')
     AND EXISTS (SELECT 1 FROM maildrop WHERE name = OLD.maildrop)
BEGIN
    SELECT RAISE(ABORT, 'this message may not be forgotten');
END;

-- What happened to a message; one row for each kind of event and device, so that a device that asks
-- for the same message every minute for years, from ever new addresses, does not fill the disk.
CREATE TABLE message_event (
    message INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    event   TEXT NOT NULL,
    device  TEXT NOT NULL,
    address TEXT NOT NULL,            -- of the last time
    first   REAL NOT NULL,            -- seconds since the epoch
    last    REAL NOT NULL,
    times   INTEGER NOT NULL CHECK (times > 0),
    detail  TEXT NOT NULL,            -- of the last time
    PRIMARY KEY (message, event, device)
) STRICT, WITHOUT ROWID;
