-- A message that was made here (`popbridge test-message`): no mailbox knows it, nothing is done upstream.

ALTER TABLE message ADD COLUMN local INTEGER NOT NULL DEFAULT 0 CHECK (local IN (0, 1));
