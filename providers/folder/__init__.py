"""Mail in local folders: a Maildir, or a directory of `.eml` files."""
