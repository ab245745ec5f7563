"""A saved record as plots and as a page."""

from __future__ import annotations

JOINTS = ("left_wrist", "right_wrist")


ANGLES = ("left_knee", "right_knee")
"""What is plotted where nothing is asked for."""
