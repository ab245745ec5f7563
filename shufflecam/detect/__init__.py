"""People's boxes."""
