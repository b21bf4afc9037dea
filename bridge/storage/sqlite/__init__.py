"""Spool and register in one SQLite database, bodies in sealed files beside it."""
