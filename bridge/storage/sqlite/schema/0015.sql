-- How soon after a login a device may log in again (bridge/throttle/logindelay.py).

ALTER TABLE device ADD COLUMN login_delay INTEGER CHECK (login_delay >= 0);  -- seconds; NULL: its listener's
