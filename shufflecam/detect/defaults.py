"""Default settings of person detectors; imports no numpy, because settings import it."""

from __future__ import annotations

DET_SIZE = 416
"""The longer side of the network's input in pixels."""

DET_CONF = 0.4
"""Minimum score of a detection."""

MAX_PEOPLE = 20
"""Maximum number of boxes kept per frame, best first."""
