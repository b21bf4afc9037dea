"""Messages at rest on SQLite and in files: each step of their lives, what is asked of them, who writes."""
