"""popbridge: a mailbox that old machines understand, in front of one that they do not."""

__version__ = "0.3.0"
