"""Plots and the interactive page of a record."""
