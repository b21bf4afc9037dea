"""Remote mailboxes behind one contract; nothing here knows of POP3 or of the bridge."""
