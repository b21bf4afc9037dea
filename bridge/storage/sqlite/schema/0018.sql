-- What was moved away as refused is known when it turns up in another maildrop of its account, and is not moved again.

ALTER TABLE message ADD COLUMN refused_mark BLOB;  -- a digest of what it said; NULL: it was not moved away as refused

CREATE INDEX message_refused ON message (refused_mark) WHERE refused_mark NOT NULL;
