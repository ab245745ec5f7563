"""Filters detections with hysteresis: a new person must score higher than one seen a moment ago.

With a single threshold, someone whose score is close to it flickers from frame to frame, and any threshold
that keeps them steady admits false positives. Two thresholds with memory avoid both; the idea is from Zhang
et al., ByteTrack (ECCV 2022), where the lower one only continues tracks. numpy only.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from shufflecam.core.geometry import box_iou, box_overlap
from shufflecam.core.types import Detections, FloatArray

KNOWN_SHARE = 0.6
"""Score threshold of known people, as a share of that of new ones."""

KNOWN_IOU = 0.3
"""A box with at least this IoU with a known one, the highest of all boxes, is that person."""

CROWDED = 0.4
"""A box that shares this much of itself, or of a higher-scoring box, with that one is more often than not a
second box on the same person. Of our own detector's boxes that did so on 121 train2017 pictures, with scores
between 0.4 and 0.6, one in six was a person; of isolated ones, four in five."""

CROWDED_SHARE = 1.5
"""A new person there must reach this multiple of the score required elsewhere."""

MEMORY_S = 0.5
"""How long an admitted box counts as known."""

ASIDE_S = 1.0
"""Like `MEMORY_S`, for the boxes from before a cut: the picture may cut back within `scene.BACK_S`."""


class Hysteresis:
    """Filters detections. One per video, frames in order."""

    def __init__(self, new_score: float) -> None:
        """Set the threshold.

        Args:
            new_score: for people who were not there before; the detector itself must return boxes down to
                `known_score`.
        """
        self._new_score = new_score
        self._recent: deque[tuple[float, FloatArray]] = deque()
        self._aside: deque[tuple[float, FloatArray]] = deque()

    def admit(self, found: Detections, known_xyxy: FloatArray, now: float) -> Detections:
        """Return the detections of `found` that exceed their threshold, in order.

        Args:
            found: the detections of a frame.
            known_xyxy: (N, 4) pixels, boxes of the people being followed.
            now: the frame's time in seconds; admitted boxes of the last half second count as known too.
        """
        while self._aside and not 0.0 <= now - self._aside[0][0] <= ASIDE_S:
            self._aside.popleft()
        while self._recent and not 0.0 <= now - self._recent[0][0] <= MEMORY_S:
            self._recent.popleft()
        known = np.concatenate([known_xyxy.reshape(-1, 4), *(boxes for _, boxes in self._recent)])
        least = np.where(_crowded(found), CROWDED_SHARE * self._new_score, self._new_score)
        may = (found.scores > least) | _known(found.boxes_xyxy, known)
        admitted = Detections(found.boxes_xyxy[may], found.scores[may])
        if len(admitted):
            self._recent.append((now, admitted.boxes_xyxy))
        return admitted

    def set_aside(self) -> None:
        """Set known boxes aside at a cut: they do not count unless the picture cuts back."""
        self._aside = self._aside or self._recent
        self._recent = deque()

    def bring_back(self) -> None:
        """Restore the boxes from before the last cut; they count for as long as they would have."""
        self._recent, self._aside = self._aside or self._recent, deque()


def known_score(new_score: float) -> float:
    """Return the threshold for people seen a moment ago."""
    return KNOWN_SHARE * new_score


def _known(boxes_xyxy: FloatArray, known_xyxy: FloatArray) -> np.ndarray:
    """(N,) whether a box is a known person's: of all boxes, it is the one that overlaps a known box most."""
    mine = np.zeros(len(boxes_xyxy), bool)
    if len(boxes_xyxy) and len(known_xyxy):
        overlap = box_iou(boxes_xyxy, known_xyxy)
        mine[overlap.argmax(axis=0)[overlap.max(axis=0) >= KNOWN_IOU]] = True
    return mine


def _crowded(found: Detections) -> np.ndarray:
    """(N,) whether a box overlaps a higher-scoring one by at least `CROWDED` of the smaller of the two."""
    better = found.scores[None, :] > found.scores[:, None]
    overlap = box_overlap(found.boxes_xyxy, found.boxes_xyxy)
    return np.asarray((better & (overlap >= CROWDED)).any(axis=1))
