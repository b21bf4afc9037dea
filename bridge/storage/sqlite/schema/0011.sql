-- Whether the original beside a body is what a session gets that asks for UTF-8: only its headers were shaped.

ALTER TABLE message ADD COLUMN is_utf8 INTEGER NOT NULL DEFAULT 0 CHECK (is_utf8 IN (0, 1));
