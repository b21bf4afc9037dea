"""What a running bridge renews, and warns of, day by day."""
