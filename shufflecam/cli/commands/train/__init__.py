"""`shufflecam train`: train networks on pictures."""
