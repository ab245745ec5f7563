"""Frame -> people, over time: when the detector runs, what it may add, who is followed in between."""
