"""What is found out about a message while its octets pass by, and kept when they are gone; pure."""
