"""Who of a detector's findings counts: a new person must be surer than one who was there a moment ago.

With one threshold, somebody whose score lies near it comes and goes from frame to frame, and whatever
keeps them steadily lets false people in. Two thresholds with memory do both; the idea is from Zhang et
al., ByteTrack (ECCV 2022), where the lower one only goes on with tracks. numpy only.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from shufflecam.core.geometry import box_area, box_iou
from shufflecam.core.types import Detections, FloatArray

KNOWN_SHARE = 0.6
"""Known people may score this share of what new ones must."""

KNOWN_IOU = 0.3
"""A box that overlaps a known one by as much, and more than every other box does, is that person."""

CROWDED = 0.4
"""A box shares so much of itself, or of a better box, with that one: more often than not a second box for the
same person. Of our own detector's boxes that did so on 121 train2017 pictures, between scores of 0.4 and 0.6,
one in six was a person; of those that stood free, four in five."""

CROWDED_SHARE = 1.5
"""A new person there must score this many times what others must."""

MEMORY_S = 0.5
"""How long a box that came in holds the door."""

ASIDE_S = 0.7
"""As `MEMORY_S`, of the boxes of before a cut: the picture may cut back within `scene.BACK_S`."""


class Hysteresis:
    """Lets boxes in. One a video, frames in order."""

    def __init__(self, new_score: float) -> None:
        """Take the threshold.

        Args:
            new_score: of people who were not there before; the detector itself must give boxes from
                `known_score` on.
        """
        self._new_score = new_score
        self._recent: deque[tuple[float, FloatArray]] = deque()
        self._aside: deque[tuple[float, FloatArray]] = deque()

    def admit(self, found: Detections, known_xyxy: FloatArray, now: float) -> Detections:
        """Those of `found` who are sure enough, in their order.

        Args:
            found: what the detector gave for a frame.
            known_xyxy: (N, 4) pixels, boxes of the people who are being followed.
            now: the frame's time in seconds; boxes of the last half second count as known too.
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
        """The scene was cut: the boxes of before do not count, unless the picture cuts back."""
        self._aside = self._aside or self._recent
        self._recent = deque()

    def bring_back(self) -> None:
        """The scene of before the last cut is back; its boxes count for as long as they would have."""
        self._recent, self._aside = self._aside, deque()


def known_score(new_score: float) -> float:
    """The threshold for people who were there a moment ago."""
    return KNOWN_SHARE * new_score


def _known(boxes_xyxy: FloatArray, known_xyxy: FloatArray) -> np.ndarray:
    """(N,) whether a box is somebody known: of all boxes, it is the one that overlaps a known box most."""
    mine = np.zeros(len(boxes_xyxy), bool)
    if len(boxes_xyxy) and len(known_xyxy):
        overlap = box_iou(boxes_xyxy, known_xyxy)
        mine[overlap.argmax(axis=0)[overlap.max(axis=0) >= KNOWN_IOU]] = True
    return mine


def _crowded(found: Detections) -> np.ndarray:
    """(N,) whether a box lies in a better one, or over it, by `CROWDED` of the smaller of the two."""
    boxes, scores = found.boxes_xyxy, found.scores
    area = box_area(boxes)
    iou = box_iou(boxes, boxes)
    shared = iou * (area[:, None] + area[None, :]) / (1.0 + iou)
    smaller = np.maximum(np.minimum(area[:, None], area[None, :]), 1e-6)
    better = scores[None, :] > scores[:, None]
    return np.asarray((better & (shared / smaller >= CROWDED)).any(axis=1))
