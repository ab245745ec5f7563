"""Strictly increasing timestamps from containers whose clocks jump, restart or are missing."""
