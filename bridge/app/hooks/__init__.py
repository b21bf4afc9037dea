"""What is told to programs of the owner's as it happens: alerts, and logins."""
