"""Exchange Online behind Microsoft Graph v1.0, and Entra's sign-in."""
