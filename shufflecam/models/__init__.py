"""Weights: which there are, downloading, reading, and the layers of the networks."""
