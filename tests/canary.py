"""The word inside every secret that the suite makes up, so that one search finds all of them."""

CANARY = "Kanari3nvogelQ7"
"""Letters and digits alone: it looks the same in an address, in a form, in JSON and in a repr."""
