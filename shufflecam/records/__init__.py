"""What was found, written and read: shufflecam's own record and the formats of others."""
