"""When to look for people anew, and whether the picture changed so much that one should. numpy only.

Poses are found in every frame; the detector, the dearer network, runs every N frames and in between
people's boxes follow from their keypoints (`shufflecam.finder.follower`). It runs earlier where the scene cuts
or where something moves that belongs to nobody known.

Thumbnails: (h, w) float32 grey means of blocks of the picture, at most 64 cells on the longer side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from shufflecam.core.types import FloatArray, ImageArray

FILE_DETECTIONS_PER_S = 3.0
"""`auto` in a file: a person who walks in is found within a third of a second. Not measured there, because
the same file must give the same keypoints on a busy machine."""

LONGEST_S = 1.0
"""`auto` on a camera: however slow the machine, the detector runs once a second."""

BUDGET = 0.85
"""The share of a frame's time that `auto` plans to use; the rest is for drawing and for other programs."""

TIME_GAIN = 0.1
"""How much of a new measured time goes into the running mean."""

SAMPLES = 256
"""Pixels on the longer side that a thumbnail is made from..."""
BLOCK = 4
"""...in blocks of this many each way, so that noise and compression average out."""

CUT_CORRELATION = 0.4
"""Two frames of different scenes correlate below this; of one scene, with everything moving, above. It does
not see a flash or a change of exposure, which leave the correlation alone."""
CUT_CHANGE = 12.0
"""Mean change in grey levels below which nothing is a cut, however uncorrelated: two nearly even pictures."""
CUT_OVER_USUAL = 3.0
"""A cut changes the picture this many times as much as the frames before it did: a shaken camera does not."""
USUAL_GAIN = 0.2

MOVED_GREY = 18.0
"""A cell whose mean changed by more shows something else than at the last detection."""
MOVED_CELLS = 5
"""This many such cells outside everybody's boxes are worth a look: a person a tenth as high as that."""
MOVED_EVERYWHERE = 0.5
"""More than this share of all free cells is the camera or the light, not a person."""


class Cadence:
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


def thumbnail(image: ImageArray) -> tuple[FloatArray, int]:
    """(H, W, 3) uint8 BGR -> its thumbnail, and how many pixels of the picture a cell is wide and high."""
    step = max(1, max(image.shape[:2]) // SAMPLES)
    samples = image[::step, ::step, 1]
    h, w = (max(1, side // BLOCK) for side in samples.shape)
    block_h, block_w = min(BLOCK, samples.shape[0]), min(BLOCK, samples.shape[1])
    cells = samples[: h * block_h, : w * block_w].reshape(h, block_h, w, block_w)
    return cells.mean(axis=(1, 3), dtype=np.float32), step * BLOCK


@dataclass(frozen=True)
class Change:
    """What one frame is to the one before it."""

    cut: bool
    """Another scene: nothing that was known holds."""


class SceneWatch:
    """Looks at every frame in order, cheaply (a tenth of a millisecond at 720p)."""

    def __init__(self) -> None:
        self._last: FloatArray | None = None
        self._marked: FloatArray | None = None
        self._occupied: np.ndarray | None = None
        self._usual = 0.0
        self._cell = 1

    def look(self, image: ImageArray) -> Change:
        """Take the next frame in."""
        now, self._cell = thumbnail(image)
        before, self._last = self._last, now
        if before is None:
            return Change(cut=False)
        if before.shape != now.shape:
            self._usual = 0.0
            return Change(cut=True)
        change = float(np.abs(now - before).mean())
        cut = (
            change > CUT_CHANGE
            and change > CUT_OVER_USUAL * self._usual
            and _correlation(before, now) < CUT_CORRELATION
        )
        self._usual += USUAL_GAIN * (change - self._usual)
        return Change(cut=cut)

    def mark(self, boxes_xyxy: FloatArray) -> None:
        """The frame last looked at was searched, and these (N, 4) boxes in its pixels found."""
        self._marked = self._last
        if self._last is not None:
            self._occupied = self._cells(boxes_xyxy)

    def moved_elsewhere(self, boxes_xyxy: FloatArray) -> bool:
        """Whether the frame last looked at differs from the one marked where nobody was and nobody is.

        Args:
            boxes_xyxy: (N, 4) pixels, everybody known now.
        """
        now, then = self._last, self._marked
        if now is None or then is None or self._occupied is None or now.shape != then.shape:
            return now is not None
        free = ~(self._occupied | self._cells(boxes_xyxy))
        changed = free & (np.abs(now - then) > MOVED_GREY)
        cells = int(changed.sum())
        return MOVED_CELLS <= cells <= MOVED_EVERYWHERE * max(1, int(free.sum()))

    def _cells(self, boxes_xyxy: FloatArray) -> np.ndarray:
        """(h, w) booleans: the cells that boxes cover, a tenth of their size around them included."""
        assert self._last is not None
        covered = np.zeros(self._last.shape, bool)
        for x1, y1, x2, y2 in boxes_xyxy:
            around = 0.1 * max(x2 - x1, y2 - y1)
            left, top = (max(0, math.floor((v - around) / self._cell)) for v in (x1, y1))
            right, bottom = (max(0, math.ceil((v + around) / self._cell)) for v in (x2, y2))
            covered[top:bottom, left:right] = True
        return covered


def _correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson's, of two thumbnails; 0 where one of them is even."""
    a, b = a - a.mean(), b - b.mean()
    power = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / power if power > 1.0 else 0.0
