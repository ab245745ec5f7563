"""The detection interval: how often the detector runs, fixed or automatic.

Poses are found in every frame; the detector, the more expensive network, runs every N frames, and in
between people's boxes are derived from their keypoints (`finder.follower`). `finder.search` runs it earlier
at a scene cut, or where something moves that is no known person.
"""

from __future__ import annotations

import math

FILE_DETECTIONS_PER_S = 3.0
"""Detection rate of `auto` in a file: a person who enters is found within a third of a second. Not derived
from measured times, because the same file must give the same keypoints on a busy machine."""

LONGEST_S = 1.0
"""`auto` on a camera: the detector runs at least once a second, however slow the machine."""

BUDGET = 0.85
"""Share of a frame's time that `auto` plans to use; the rest is left for drawing and other programs."""

TIME_GAIN = 0.1
"""Weight of a new measurement in the running mean."""


class DetectionSchedule:
    """The detection interval in frames: fixed, or computed from the networks' run times (`auto`)."""

    def __init__(self, every: int | None, *, rate: float | None = None, live: bool = False) -> None:
        """Create a fixed or an automatic schedule.

        Args:
            every: N; None: automatic.
            rate: frame rate of the source; None: 30 a second is assumed.
            live: whether frames arrive at their own pace: then `observe` sets the interval, otherwise `rate`
                alone does.
        """
        self._rate = rate if rate and 1.0 <= rate <= 1000.0 else 30.0
        self._adapts = every is None and live
        self._detect_s: float | None = None
        self._rest_s: float | None = None
        self.every = every if every is not None else max(1, round(self._rate / FILE_DETECTIONS_PER_S))
        self.automatic = every is None
        self.longest_s = LONGEST_S if self._adapts else math.inf
        """Longest time between detections, in frame time: an upper limit at low frame rates."""

    def observe(self, detect_s: float | None, rest_s: float) -> None:
        """Record what one frame took: the detector (None: it did not run) and everything else, in seconds."""
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
