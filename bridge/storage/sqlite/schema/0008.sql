-- What a message was before it was shaped for its devices; a file beside its body, until upstream has obeyed.

ALTER TABLE message ADD COLUMN original_octets INTEGER CHECK (original_octets >= 0);

CREATE TRIGGER message_original AFTER UPDATE OF state ON message
WHEN NEW.original_octets NOT NULL
     AND NEW.state NOT IN ('ready', 'quarantined', 'expunged', 'vanished')
BEGIN
    UPDATE message SET original_octets = NULL WHERE id = NEW.id;
END;
