"""Reconnect to a device or stream that is lost, with exponential back-off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from shufflecam.core.errors import ShufflecamError, SourceBrokeOff, SourceError, UsageError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.sources.live.capture import Capture, Grabbed, damage_of, missing_of

RECONNECT_S = 60.0
"""Default reconnection period: long enough to plug a camera in elsewhere or to restart a router."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 4.0


class Reconnecting:
    """A `Capture` that creates a new underlying capture whenever the current one is lost.

    The first `open` is not retried: an address that has never responded is probably wrong.
    """

    def __init__(
        self,
        make: Callable[[], Capture],
        limit_s: float = RECONNECT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wrap the unopened captures returned by `make`; give up after `limit_s` without success."""
        self._make = make
        self._limit_s = limit_s
        self._clock = clock
        self._stopped = threading.Event()
        self._capture = make()
        self._trouble: str | None = None
        self._earlier = NOTHING_MISSING
        self.size = (0, 0)
        self.fps: Fraction | None = None
        self.pixel_aspect = 1.0
        self.notes: tuple[str, ...] = ()

    @property
    def trouble(self) -> str | None:
        """Return a sentence on why there is currently no connection; None while connected."""
        return self._trouble

    @property
    def damage(self) -> Missing:
        """Return what was received but could not be decoded intact, over all connections."""
        return self._earlier + damage_of(self._capture)

    @property
    def missing(self) -> Missing:
        """Return what is missing from a recording."""
        return missing_of(self._capture)

    def open(self) -> None:
        """Open for the first time. Raises SourceError."""
        self._capture.open()
        self.size, self.fps = self._capture.size, self._capture.fps
        self.pixel_aspect, self.notes = self._capture.pixel_aspect, self._capture.notes

    def grab(self) -> Grabbed | None:
        """Return the next frame, reconnecting if necessary; None at the regular end.

        Raises:
            SourceBrokeOff: the source was lost and reconnection timed out.
        """
        try:
            return self._capture.grab()
        except SourceBrokeOff as error:
            return self._come_back(error)

    def close(self) -> None:
        """Release the device."""
        self._capture.close()

    def interrupt(self) -> None:
        """End a pause between two attempts."""
        self._stopped.set()
        self._capture.interrupt()

    def _come_back(self, lost: SourceBrokeOff) -> Grabbed | None:
        """Return the first frame of the next successful connection."""
        since_s, pause_s = self._clock(), _FIRST_PAUSE_S
        latest: ShufflecamError = lost
        reason = str(lost)
        while not self._stopped.is_set():
            if self._clock() - since_s >= self._limit_s:
                if not self._limit_s:
                    raise lost
                raise SourceBrokeOff(
                    f"{reason.rstrip('.')}; it did not come back within {self._limit_s:g} s "
                    f"(last attempt: {str(latest).rstrip('.')})."
                ) from latest
            self._trouble = f"{reason.rstrip('.')}; trying again"
            self._capture.close()
            if self._stopped.wait(pause_s):
                break
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            try:
                again = self._make()
                self._earlier, self._capture = self.damage, again
                self._capture.open()
                grabbed = self._capture.grab()
            except (SourceError, UsageError) as error:
                latest = error
                continue
            self._trouble = None
            return None if grabbed is None else replace(grabbed, was_away=reason)
        return None
