-- From which addresses each device has shown its password (bridge/storage/addresses.py).

CREATE TABLE device_address (
    device   TEXT NOT NULL REFERENCES device (name) ON DELETE CASCADE,
    address  TEXT NOT NULL,           -- of IPv6 its /64
    first    REAL NOT NULL,           -- seconds since the epoch
    last     REAL NOT NULL,
    admitted INTEGER NOT NULL CHECK (admitted IN (0, 1)),  -- 0: it was refused
    PRIMARY KEY (device, address)
) STRICT, WITHOUT ROWID;
