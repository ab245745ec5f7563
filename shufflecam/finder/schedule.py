"""When to look for people anew, and whether the picture changed so much that one should. numpy only.

Poses are found in every frame; the detector, the dearer network, runs every N frames and in between
people's boxes follow from their keypoints (`finder.follower`). It runs earlier where the scene cuts
or where something moves that belongs to nobody known.

Thumbnails: (h, w) float32 grey means of blocks of the picture, at most 64 cells on the longer side.
"""

from __future__ import annotations

import math

FILE_DETECTIONS_PER_S = 3.0
"""`auto` in a file: a person who walks in is found within a third of a second. Not measured there, because
the same file must give the same keypoints on a busy machine."""

LONGEST_S = 1.0
"""`auto` on a camera: however slow the machine, the detector runs once a second."""

BUDGET = 0.85
"""The share of a frame's time that `auto` plans to use; the rest is for drawing and for other programs."""

TIME_GAIN = 0.1
"""How much of a new measured time goes into the running mean."""


class DetectionSchedule:
    """Every how many frames the detector runs: fixed, or planned from what the networks take (`auto`)."""

    def __init__(self, every: int | None, *, rate: float | None = None, live: bool = False) -> None:
        """Fixed or automatic.

        Args:
            every: N; None: automatic.
            rate: frames a second of the source; None: 30 is assumed.
            live: whether frames come at their own pace: then `observe` decides, else only `rate`.
        """
        self._rate = rate if rate and 1.0 <= rate <= 1000.0 else 30.0
        self._adapts = every is None and live
        self._detect_s: float | None = None
        self._rest_s: float | None = None
        self.every = every if every is not None else max(1, round(self._rate / FILE_DETECTIONS_PER_S))
        self.automatic = every is None
        self.longest_s = LONGEST_S if self._adapts else math.inf
        """Of the frames' own time: how long the detector may rest though frames are few."""

    def observe(self, detect_s: float | None, rest_s: float) -> None:
        """What one frame took: the detector (None: it did not run) and everything else, in seconds."""
        if not self._adapts:
            return
        if detect_s is not None:
            self._detect_s = _mean(self._detect_s, detect_s)
        self._rest_s = _mean(self._rest_s, rest_s)
        if self._detect_s is None:
            return
        most = max(1, round(self._rate * LONGEST_S))
        spare = BUDGET / self._rate - self._rest_s
        self.every = most if spare <= 0 else min(most, max(1, math.ceil(self._detect_s / spare)))


def _mean(before: float | None, now: float) -> float:
    return now if before is None else before + TIME_GAIN * (now - before)
