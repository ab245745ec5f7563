"""Lets recorded times pass at the speed of the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Waits until a recorded moment has come; the first one asked for is now."""

    def __init__(self, stopped: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        """`stopped`, once set, ends every wait at once."""
        self._stopped = stopped
        self._clock = clock
        self._zero_s: float | None = None

    def wait(self, moment_s: float) -> None:
        """Return at `moment_s` (seconds of the recording), or at once where it has passed."""
        now = self._clock()
        if self._zero_s is None:
            self._zero_s = now - moment_s
        ahead = self._zero_s + moment_s - now
        if ahead > 0:
            self._stopped.wait(ahead)
