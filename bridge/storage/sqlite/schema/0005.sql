-- How messages arrive at a maildrop's devices (bridge/shaping/wish.py).

ALTER TABLE maildrop ADD COLUMN wish TEXT NOT NULL DEFAULT '{}';  -- a JSON object
