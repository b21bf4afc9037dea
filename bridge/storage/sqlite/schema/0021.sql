-- Whether an admin let a device log in from an address: that is no news to anybody. Of those kept so far it is not known.

ALTER TABLE device_address ADD COLUMN by_hand INTEGER NOT NULL DEFAULT 0 CHECK (by_hand IN (0, 1));
