"""What is known of the machines that fetch mail by POP3, as data."""
