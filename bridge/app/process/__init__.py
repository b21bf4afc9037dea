"""What is asked of the system under the bridge: its loop, its memory, its service manager, programs."""
