-- Which kind of machine a device is, and what is set for it alone (bridge/devices/, bridge/pop3/quirks.py).

ALTER TABLE device ADD COLUMN profile TEXT NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN quirks TEXT NOT NULL DEFAULT '{}';  -- a JSON object
