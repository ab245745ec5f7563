"""Faults made to happen on purpose, each with what must survive it; docs/reliability.md has the table.

Every run draws new moments. `pytest tests/faults` makes a few of each; `pytest tests/faults -m "slow or not
slow"` makes the number that the table states. `SHUFFLECAM_FAULT_SEED` repeats a run: the seed is printed
with every failure.
"""
