"""Batches of videos: planned, and processed one by one, in processes or on a cluster."""
