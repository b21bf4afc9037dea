"""Who asks for a change, and how the log comes to tell of it."""
