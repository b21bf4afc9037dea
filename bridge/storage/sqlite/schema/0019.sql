-- Up to 0.3.0 nobody looked at headers while a body was written: they may be raw (docs/decisions/0039). Such are looked at once.

ALTER TABLE message ADD COLUMN unread_headers INTEGER NOT NULL DEFAULT 0 CHECK (unread_headers IN (0, 1));

UPDATE message SET unread_headers = 1
WHERE state IN ('ready', 'vanished') AND octets NOT NULL AND original_octets IS NULL AND local = 0;

CREATE INDEX message_unread ON message (maildrop) WHERE unread_headers = 1;
