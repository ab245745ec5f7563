"""No detector: the whole frame is one person."""

from __future__ import annotations

import numpy as np

from shufflecam.core.types import Detections, Frame


class WholeFrame:
    """One box a frame, all of it; a `core.protocols.PersonDetector`."""

    def detect(self, frame: Frame) -> Detections:
        """The frame's own edges, with score NaN: nobody looked for a person."""
        width, height = frame.size
        return Detections(np.array([[0, 0, width, height]], np.float32), np.array([np.nan], np.float32))
