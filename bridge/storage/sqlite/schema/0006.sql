-- Where, how and from where devices logged in (bridge/storage/sightings.py).

CREATE TABLE sighting (
    device   TEXT NOT NULL REFERENCES device (name) ON DELETE CASCADE,
    listener TEXT NOT NULL,           -- its name in config.toml
    tls      TEXT NOT NULL,           -- the version, in OpenSSL's words; empty without TLS
    cipher   TEXT NOT NULL,           -- of the last time
    address  TEXT NOT NULL,           -- of the last time
    first    REAL NOT NULL,           -- seconds since the epoch
    last     REAL NOT NULL,
    PRIMARY KEY (device, listener, tls)
) STRICT, WITHOUT ROWID;

-- Since when it is written down who logs in: before that, nobody seen means nothing.
CREATE TABLE watched (
    since REAL NOT NULL               -- seconds since the epoch
) STRICT;
INSERT INTO watched VALUES ((julianday('now') - 2440587.5) * 86400.0);
