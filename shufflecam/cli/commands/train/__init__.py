"""`shufflecam train`: networks from pictures."""
