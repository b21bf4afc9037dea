"""Gmail and Google Workspace behind the Gmail API, and Google's sign-in."""
