-- The register and the spool's bookkeeping. Bodies are files named after message.id.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE account (
    name     TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    settings TEXT NOT NULL            -- a JSON object of strings
) STRICT;

CREATE TABLE maildrop (
    name        TEXT PRIMARY KEY,
    account     TEXT NOT NULL REFERENCES account (name),
    folder      TEXT NOT NULL,        -- empty: the account's default folder
    disposition TEXT NOT NULL,
    cursor      TEXT                  -- where the last look ended
) STRICT;

CREATE TABLE device (
    name        TEXT PRIMARY KEY,
    maildrop    TEXT NOT NULL REFERENCES maildrop (name),
    password    TEXT NOT NULL,        -- a hash in PHC form
    apop_secret BLOB,                 -- sealed
    allow       TEXT NOT NULL         -- a JSON list of networks
) STRICT;

-- Every name a device may log in under, folded to one letter case; aliases and names share it, so
-- that no two devices can answer to one login.
CREATE TABLE login (
    login  TEXT PRIMARY KEY,
    device TEXT NOT NULL REFERENCES device (name) ON DELETE CASCADE,
    alias  TEXT                       -- as the admin typed it; NULL for the device's own name
) STRICT;

CREATE TABLE message (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,   -- never reused: it names the body file
    maildrop    TEXT NOT NULL REFERENCES maildrop (name) ON DELETE CASCADE,
    remote_id   TEXT NOT NULL,
    unique_id   TEXT NOT NULL CHECK (length(unique_id) BETWEEN 1 AND 70),
    sort_key    TEXT NOT NULL,
    state       TEXT NOT NULL,
    octets      INTEGER CHECK (octets >= 0),
    disposition TEXT,                 -- what upstream still has to do
    UNIQUE (maildrop, remote_id),
    UNIQUE (maildrop, unique_id),
    CHECK (
        CASE state
            WHEN 'announced'   THEN octets IS NULL AND disposition IS NULL
            WHEN 'ready'       THEN octets IS NOT NULL AND disposition IS NULL
            WHEN 'quarantined' THEN octets IS NOT NULL AND disposition IS NULL
            WHEN 'expunged'    THEN octets IS NULL AND disposition IS NOT NULL
            WHEN 'disposed'    THEN octets IS NULL AND disposition IS NULL
            WHEN 'vanished'    THEN disposition IS NULL
            ELSE FALSE
        END
    )
) STRICT;

CREATE INDEX message_listed ON message (maildrop, sort_key, id) WHERE state IN ('ready', 'quarantined');
CREATE INDEX message_pending ON message (maildrop, sort_key, id) WHERE state = 'announced';
CREATE INDEX message_queued ON message (id) WHERE state = 'expunged';
CREATE INDEX message_vanished ON message (maildrop) WHERE state = 'vanished';

CREATE TRIGGER message_birth BEFORE INSERT ON message
WHEN NEW.state <> 'announced'
BEGIN
    SELECT RAISE(ABORT, 'a message begins as announced');
END;

CREATE TRIGGER message_step BEFORE UPDATE OF state ON message
WHEN OLD.state || '>' || NEW.state NOT IN (
    'announced>ready', 'announced>quarantined', 'announced>vanished',
    'ready>expunged', 'ready>vanished',
    'quarantined>expunged', 'quarantined>vanished',
    'vanished>ready', 'vanished>disposed',
    'expunged>disposed'
)
BEGIN
    SELECT RAISE(ABORT, 'no such step between states of a message');
END;

-- A tombstone, and a message a device may still fetch, go only together with their maildrop.
CREATE TRIGGER message_end BEFORE DELETE ON message
WHEN OLD.state NOT IN ('announced', 'vanished')
     AND EXISTS (SELECT 1 FROM maildrop WHERE name = OLD.maildrop)
BEGIN
    SELECT RAISE(ABORT, 'this message may not be forgotten');
END;
