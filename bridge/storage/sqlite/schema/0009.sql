-- How old a device and its password are, whether it may log in, and on which days the bridge watched who does.

ALTER TABLE device ADD COLUMN made REAL;            -- seconds since the epoch, as all below; NULL: before this
ALTER TABLE device ADD COLUMN password_made REAL;   -- NULL: before this
ALTER TABLE device ADD COLUMN enabled REAL;         -- when an admin last enabled it; NULL: never
ALTER TABLE device ADD COLUMN disabled REAL;        -- since when it may not log in; NULL: it may
ALTER TABLE device ADD COLUMN why_disabled TEXT     -- bridge/storage/register.py
    CHECK ((why_disabled IS NULL) = (disabled IS NULL));

-- For how long a bridge ran on each day: who was not seen while none ran, was not missing.
CREATE TABLE watched_day (
    day     INTEGER PRIMARY KEY,      -- days since the epoch, UTC
    minutes INTEGER NOT NULL CHECK (minutes > 0)
) STRICT;
