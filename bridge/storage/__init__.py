"""Messages, names and locks at rest: `ports` says what is promised, a folder per engine keeps it."""
