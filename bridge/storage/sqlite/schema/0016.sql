-- What devices were told of a message before it lost its body here: fetched again under the same unique-id it has
-- the same octets, where shaping had a hand in it, or is held.

ALTER TABLE message ADD COLUMN told_octets INTEGER CHECK (told_octets >= 0);
ALTER TABLE message ADD COLUMN told_shaped INTEGER NOT NULL DEFAULT 0 CHECK (told_shaped IN (0, 1));

-- A notice is not the message, and what is deleted is never listed under this unique-id again.
CREATE TRIGGER message_told AFTER UPDATE OF octets ON message
WHEN OLD.octets NOT NULL AND NEW.octets IS NULL
     AND OLD.state IN ('ready', 'vanished') AND NEW.state IN ('announced', 'held', 'gone')
BEGIN
    UPDATE message SET told_octets = OLD.octets, told_shaped = OLD.original_octets NOT NULL
    WHERE id = NEW.id;
END;

-- Under another unique-id it is a new message, of which nobody was told.
CREATE TRIGGER message_anew AFTER UPDATE OF unique_id ON message
WHEN NEW.unique_id <> OLD.unique_id
BEGIN
    UPDATE message SET told_octets = NULL, told_shaped = 0 WHERE id = NEW.id;
END;
