"""Many videos in one run: planned, worked on here, in processes or on a cluster."""
