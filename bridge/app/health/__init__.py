"""Whether the bridge is well: what is tried, and what systemd is told of it."""
