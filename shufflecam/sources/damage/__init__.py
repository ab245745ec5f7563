"""Account of the pictures that a damaged or truncated file is missing."""
