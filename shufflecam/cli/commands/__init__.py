"""A file for each command: its options, one call, what is said at the end."""
