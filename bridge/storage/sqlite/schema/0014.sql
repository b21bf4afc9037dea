-- Which device took which message (bridge/storage/audit.py): how large, in which connection; and what of it outlives the message.

ALTER TABLE message_event ADD COLUMN octets INTEGER CHECK (octets >= 0);    -- that a device took; NULL: none, or before this
ALTER TABLE message_event ADD COLUMN connection TEXT NOT NULL DEFAULT '';   -- of the last time

CREATE TABLE taking (
    message    INTEGER NOT NULL,      -- its id, of which nothing else may be known any more
    maildrop   TEXT NOT NULL,
    unique_id  TEXT NOT NULL,
    event      TEXT NOT NULL,
    device     TEXT NOT NULL,
    address    TEXT NOT NULL,
    connection TEXT NOT NULL,
    octets     INTEGER,
    first      REAL NOT NULL,
    last       REAL NOT NULL,
    times      INTEGER NOT NULL
) STRICT;

CREATE INDEX taking_last ON taking (last);

-- A message's life is told for a while, and goes with its maildrop. Who took it is told for longer.
CREATE TRIGGER taking_outlives_life BEFORE DELETE ON message_event
WHEN OLD.event IN ('sent', 'expunged') AND OLD.device <> ''
BEGIN
    INSERT INTO taking
        SELECT id, maildrop, unique_id, OLD.event, OLD.device, OLD.address, OLD.connection, OLD.octets,
               OLD.first, OLD.last, OLD.times
        FROM message WHERE id = OLD.message;
END;

-- The message's own row is gone when SQLite lets what hangs on it go.
CREATE TRIGGER taking_outlives_message BEFORE DELETE ON message
BEGIN
    INSERT INTO taking
        SELECT OLD.id, OLD.maildrop, OLD.unique_id, event, device, address, connection, octets, first, last, times
        FROM message_event WHERE message = OLD.id AND event IN ('sent', 'expunged') AND device <> '';
END;

CREATE TRIGGER taking_stays BEFORE UPDATE ON taking
BEGIN
    SELECT RAISE(ABORT, 'what was done is not changed afterwards');
END;

CREATE TRIGGER taking_is_kept BEFORE DELETE ON taking
WHEN OLD.last >= (julianday('now') - 2440587.5) * 86400.0 - 30 * 86400.0
BEGIN
    SELECT RAISE(ABORT, 'what was done is kept for 30 days at least');
END;
