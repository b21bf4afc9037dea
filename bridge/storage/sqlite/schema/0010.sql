-- A device may have no maildrop: then it only logs in (bridge/storage/register.py). SQLite takes no NOT NULL
-- away; what hangs on the table's rows (logins, sightings) would go with the table.

ALTER TABLE device ADD COLUMN shown TEXT REFERENCES maildrop (name);
UPDATE device SET shown = maildrop;
ALTER TABLE device DROP COLUMN maildrop;
ALTER TABLE device RENAME COLUMN shown TO maildrop;       -- NULL: it is shown no message
