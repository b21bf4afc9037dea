"""The page that a bridge prints to show the way from itself to paper: what it says, and the mail it comes as."""
