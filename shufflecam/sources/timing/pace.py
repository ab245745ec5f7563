"""Play back recorded timestamps in real time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Waits until a recorded timestamp is due; the first one requested is due immediately."""

    def __init__(self, stopped: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        """Create a pace whose waits all end at once when `stopped` is set."""
        self._stopped = stopped
        self._clock = clock
        self._zero_s: float | None = None

    def wait(self, moment_s: float) -> None:
        """Block until `moment_s` (seconds of the recording); return at once if it has passed."""
        now = self._clock()
        if self._zero_s is None:
            self._zero_s = now - moment_s
        ahead = self._zero_s + moment_s - now
        if ahead > 0:
            self._stopped.wait(ahead)
