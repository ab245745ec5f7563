"""`shufflecam eval`: weights held against annotations."""
