"""Whose mail is whose: devices and their logins, and every change an owner can make."""
