"""Detects scene cuts and movement on a thumbnail of each frame. numpy only.

Thumbnails: (h, w) float32 grey means of blocks of the picture, 64 to 127 cells on the longer side (fewer
for pictures below 256 pixels).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from shufflecam.core.types import FloatArray, ImageArray

SAMPLES = 256
"""Minimum number of pixels sampled on the longer side for a thumbnail..."""


BLOCK = 4
"""...averaged in blocks of this many each way to suppress noise and compression artefacts."""


CUT_CORRELATION = 0.4
"""Two frames of different scenes correlate below this; of one scene, even with everything moving, above. It
does not respond to a flash or an exposure change, which leave the correlation unchanged."""


CUT_CHANGE = 12.0
"""Mean change in grey levels below which nothing is a cut, however low the correlation: two nearly uniform
pictures."""


CUT_OVER_USUAL = 3.0
"""A cut changes the picture this many times as much as the preceding frames did; a shaken camera does not."""


USUAL_GAIN = 0.2
"""Weight of a new frame in the running mean of those changes."""


BACK_S = 0.6
"""A scene that returns within this time was not left: a flash, a black frame, an insert of half a second."""

BACK_CORRELATION = 0.6
"""It is back if the picture correlates this well with the last one before the cut: higher than between
different scenes, and low enough to allow for half a second of movement."""

PLAIN_GREY = 3.0
"""A picture whose cells deviate by less from their mean shows no scene: white, black, nearly faded out."""

MOVED_GREY = 18.0
"""A cell whose mean changed by more shows something different from the last detection."""


MOVED_CELLS = 5
"""This many such cells outside all known boxes trigger a detection: a person a tenth of the picture high."""


MOVED_EVERYWHERE = 0.5
"""If more than this share of all free cells changed, it is the camera or the light, not a person."""


def thumbnail(image: ImageArray) -> tuple[FloatArray, int]:
    """(H, W, 3) uint8 BGR -> its thumbnail, and the side length of a cell in pixels of the picture."""
    step = max(1, max(image.shape[:2]) // SAMPLES)
    samples = image[::step, ::step, 1]
    h, w = (max(1, side // BLOCK) for side in samples.shape)
    block_h, block_w = min(BLOCK, samples.shape[0]), min(BLOCK, samples.shape[1])
    cells = samples[: h * block_h, : w * block_w].reshape(h, block_h, w, block_w)
    return cells.mean(axis=(1, 3), dtype=np.float32), step * BLOCK


@dataclass(frozen=True)
class Change:
    """How a frame relates to the previous one."""

    cut: bool
    """A different scene: nothing known before is valid."""
    back: bool = False
    """The scene before the last cut has returned within `BACK_S`: what was known then is valid again."""


class SceneWatch:
    """Compares consecutive frames at low cost (a tenth of a millisecond at 720p)."""

    def __init__(self) -> None:
        self._last: FloatArray | None = None
        self._marked: FloatArray | None = None
        self._occupied: np.ndarray | None = None
        self._shown: FloatArray | None = None  # the last frame that was not plain
        self._shown_s = 0.0
        self._left: FloatArray | None = None
        self._left_s = 0.0
        self._usual = 0.0
        self._cell = 1

    def look(self, image: ImageArray, time_s: float = 0.0) -> Change:
        """Process the next frame and return how it relates to the previous one.

        Args:
            image: (H, W, 3) uint8 BGR.
            time_s: the frame's time in seconds.
        """
        now, self._cell = thumbnail(image)
        before, self._last = self._last, now
        change = self._compare(before, now)
        if change.cut and self._left is None:
            self._left, self._left_s = self._shown, time_s
        if self._left is not None and not 0.0 <= time_s - self._left_s <= BACK_S + 1e-6:
            self._left = None
        if now.std() >= PLAIN_GREY:
            self._shown, self._shown_s = now, time_s
        # Not only at a cut: a flash may fade out, and after many of them a change is no longer unusual.
        if self._has_returned(now):
            self._left = None
            return Change(cut=True, back=True)
        return change

    def _has_returned(self, now: FloatArray) -> bool:
        left = self._left
        return left is not None and left.shape == now.shape and _correlation(left, now) > BACK_CORRELATION

    def _compare(self, before: FloatArray | None, now: FloatArray) -> Change:
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
        """Record that the last frame was searched and these (N, 4) boxes, in its pixels, were found."""
        self._marked = self._last
        if self._last is not None:
            self._occupied = self._cells(boxes_xyxy)

    def moved_elsewhere(self, boxes_xyxy: FloatArray) -> bool:
        """Whether the last frame differs from the marked one where no one was and no one is.

        Args:
            boxes_xyxy: (N, 4) pixels, all people known now.
        """
        now, then = self._last, self._marked
        if now is None or then is None or self._occupied is None or now.shape != then.shape:
            return now is not None
        free = ~(self._occupied | self._cells(boxes_xyxy))
        changed = free & (np.abs(now - then) > MOVED_GREY)
        cells = int(changed.sum())
        return MOVED_CELLS <= cells <= MOVED_EVERYWHERE * max(1, int(free.sum()))

    def _cells(self, boxes_xyxy: FloatArray) -> np.ndarray:
        """(h, w) booleans: the cells covered by boxes, including a tenth of their longer side around them."""
        assert self._last is not None
        covered = np.zeros(self._last.shape, bool)
        for x1, y1, x2, y2 in boxes_xyxy:
            around = 0.1 * max(x2 - x1, y2 - y1)
            left, top = (max(0, math.floor((v - around) / self._cell)) for v in (x1, y1))
            right, bottom = (max(0, math.ceil((v + around) / self._cell)) for v in (x2, y2))
            covered[top:bottom, left:right] = True
        return covered


def _correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson correlation of two thumbnails; 0 if either is uniform."""
    a, b = a - a.mean(), b - b.mean()
    power = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / power if power > 1.0 else 0.0
