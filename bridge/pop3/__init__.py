"""RFC 1939, 2449, 3206, 2595 and 5034 without a socket: octets in, values out, octets back."""
