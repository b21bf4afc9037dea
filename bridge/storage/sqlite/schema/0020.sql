-- What an admin is still to be told (bridge/storage/alerts.py): written with what it is about, taken out once it was told.

CREATE TABLE alert (
    number   INTEGER PRIMARY KEY,
    reason   TEXT NOT NULL,
    text     TEXT NOT NULL,
    account  TEXT NOT NULL,
    maildrop TEXT NOT NULL,
    device   TEXT NOT NULL
) STRICT;
