"""Live picture, keys and status in a terminal."""
