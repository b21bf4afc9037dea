"""The sync road: from a provider into the spool, and from the spool's queue back to the provider."""
