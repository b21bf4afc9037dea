"""What stands behind an account, opened, examined, enrolled, and worked for."""
