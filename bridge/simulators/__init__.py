"""Machines that poll the bridge as their profile says, and tell what their panel would show."""
