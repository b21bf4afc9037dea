-- What is secret of an account, sealed, and whether the service still honours it.

CREATE TABLE account_grant (
    account   TEXT PRIMARY KEY REFERENCES account (name) ON DELETE CASCADE,
    sealed    BLOB NOT NULL,
    enrolment INTEGER NOT NULL CHECK (enrolment >= 0),  -- how often it was enrolled; 0: not yet
    renewed   REAL NOT NULL,                            -- seconds since the epoch
    lost      TEXT                                      -- why the service no longer honours it
) STRICT;
