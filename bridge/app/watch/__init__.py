"""Who logs in from where, who is gone, what lies open: kept, told, and acted on."""
