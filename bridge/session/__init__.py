"""One device from greeting to close, what it is given, sends, and leaves behind."""
