"""Frame -> people, over time: when the detector runs, whom it may bring in, who is followed in between."""
