"""No detector: the full frame is one person."""

from __future__ import annotations

import numpy as np

from shufflecam.core.types import Detections, Frame


class WholeFrame:
    """Returns the full frame as its only box; a `core.protocols.PersonDetector`."""

    def detect(self, frame: Frame) -> Detections:
        """Return the frame's edges, with score NaN: no detector ran."""
        width, height = frame.size
        return Detections(np.array([[0, 0, width, height]], np.float32), np.array([np.nan], np.float32))
