-- Who changed what, and when (bridge/storage/audit.py): rows are added, never changed, and go by their age alone.

CREATE TABLE audit (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: a gap tells of a row that was taken out
    at          REAL NOT NULL,        -- seconds since the epoch
    uid         INTEGER,              -- NULL: the bridge itself
    user        TEXT NOT NULL,
    sudo_uid    INTEGER,              -- who stands behind it
    sudo_user   TEXT NOT NULL,
    event       TEXT NOT NULL,
    account     TEXT NOT NULL,        -- what was concerned, by name; it may be gone since
    maildrop    TEXT NOT NULL,
    device      TEXT NOT NULL,
    message     INTEGER,
    differences TEXT NOT NULL         -- a JSON list of [field, old, new]
) STRICT;

CREATE INDEX audit_at ON audit (at);

CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'what was done is not changed afterwards');
END;

CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN OLD.at >= (julianday('now') - 2440587.5) * 86400.0 - 30 * 86400.0
BEGIN
    SELECT RAISE(ABORT, 'what was done is kept for 30 days at least');
END;
