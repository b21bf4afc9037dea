"""Header fields: taken apart, written in ASCII on short lines, and shown so to who knows no other."""
