"""Looks at a camera's pictures for what its owner would want to know."""

from __future__ import annotations

import numpy as np

from shufflecam.core.types import ImageArray

NOTICE_AFTER_S = 5.0
"""How long a picture must be black or frozen before that is said."""

_BLACK_MEAN = 6
"""Mean of 0..255 below which nothing can be seen; a covered sensor's noise stays under it."""


class PictureWatch:
    """Notices a picture that has been black, or the very same, for a while. A function of its inputs."""

    def __init__(self, after_s: float = NOTICE_AFTER_S) -> None:
        self._after_s = after_s
        self._last: np.ndarray | None = None
        self._since: dict[str, float] = {}
        self.notice: str | None = None
        """What is wrong at the moment; None while all is well."""

    def update(self, image: ImageArray, now_s: float) -> str | None:
        """Look at the next picture; a sentence at the moment when something begins to be worth saying."""
        sample = image[:: max(1, image.shape[0] // 48), :: max(1, image.shape[1] // 64)].copy()
        states = {
            "black": float(sample.mean()) < _BLACK_MEAN,
            # A sensor's noise never repeats: the very same values are an old picture.
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
