"""Monitor a camera's pictures for faults: black or frozen."""

from __future__ import annotations

import numpy as np

from shufflecam.core.types import ImageArray

NOTICE_AFTER_S = 5.0
"""How long a picture must be black or frozen before it is reported."""

_BLACK_MEAN = 6
"""Mean (0..255) below which a picture counts as black; the noise of a covered sensor stays below it."""


class PictureWatch:
    """Detects a picture that has been black or unchanged for a while. Deterministic in its inputs."""

    def __init__(self, after_s: float = NOTICE_AFTER_S) -> None:
        self._after_s = after_s
        self._last: np.ndarray | None = None
        self._since: dict[str, float] = {}
        self.notice: str | None = None
        """A sentence on the current fault; None without one."""

    def update(self, image: ImageArray, now_s: float) -> str | None:
        """Examine the next picture; return a sentence when a fault is first detected, otherwise None."""
        sample = image[:: max(1, image.shape[0] // 48), :: max(1, image.shape[1] // 64)].copy()
        states = {
            "black": float(sample.mean()) < _BLACK_MEAN,
            # Sensor noise never repeats: identical values mean a stale picture.
            "frozen": self._last is not None and np.array_equal(sample, self._last),
        }
        self._last = sample
        current = None
        for name, holds in states.items():
            if not holds:
                self._since.pop(name, None)
            elif now_s - self._since.setdefault(name, now_s) >= self._after_s and current is None:
                hint = (
                    "is the lens covered or the privacy shutter closed?"
                    if name == "black"
                    else "is it hanging?"
                )
                current = f"The picture has been {name} for {self._after_s:g} seconds; {hint}"
        fresh = current if current is not None and current != self.notice else None
        self.notice = current
        return fresh
