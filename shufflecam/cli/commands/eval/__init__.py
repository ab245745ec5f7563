"""`shufflecam eval`: evaluate weights against annotations."""
