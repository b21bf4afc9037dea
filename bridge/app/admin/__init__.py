"""What an admin asks of the bridge, by a command or of a running bridge: one module an errand."""
