"""What a person detector is set to unless asked otherwise; no numpy here: settings are made of it."""

from __future__ import annotations

DET_SIZE = 416
"""The longer side of the network's input in pixels."""

DET_CONF = 0.4
"""The lowest score of a box that counts."""

MAX_PEOPLE = 20
"""The best boxes of a frame that are kept."""
