"""TLS as devices meet it: named policies, the bridge's own certificates, and hints when a handshake fails."""
