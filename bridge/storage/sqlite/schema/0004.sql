-- What a maildrop admits to paper (bridge/admission.py).

ALTER TABLE maildrop ADD COLUMN admission TEXT NOT NULL DEFAULT '{}';  -- a JSON object
