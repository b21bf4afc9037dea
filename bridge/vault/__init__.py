"""Keys, seals and passwords: all that keeps things at rest from a reader of the disk."""
