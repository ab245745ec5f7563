"""A device or stream that comes back: what goes away is opened again, with pauses that grow."""

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
"""How long a camera is waited for: long enough to plug it in elsewhere or for a router to start anew."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 4.0


class Reconnecting:
    """A `Capture` over captures that are made anew whenever one breaks off.

    The first `open` is not tried again: an address that never answered is a wrong one.
    """

    def __init__(
        self,
        make: Callable[[], Capture],
        limit_s: float = RECONNECT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make` gives a capture that was not opened yet; after `limit_s` without success it is over."""
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
        """Why there is no connection at the moment, in a sentence; None while there is one."""
        return self._trouble

    @property
    def damage(self) -> Missing:
        """What came and could not be shown whole, over all connections."""
        return self._earlier + damage_of(self._capture)

    @property
    def missing(self) -> Missing:
        """What a recording should have given and did not."""
        return missing_of(self._capture)

    def open(self) -> None:
        """Open for the first time. Raises SourceError."""
        self._capture.open()
        self.size, self.fps = self._capture.size, self._capture.fps
        self.pixel_aspect, self.notes = self._capture.pixel_aspect, self._capture.notes

    def grab(self) -> Grabbed | None:
        """The next frame, after however many attempts; None at the regular end.

        Raises:
            SourceBrokeOff: it did not come back in time.
        """
        try:
            return self._capture.grab()
        except SourceBrokeOff as error:
            return self._come_back(error)

    def close(self) -> None:
        """Let go of the device."""
        self._capture.close()

    def interrupt(self) -> None:
        """End a pause between two attempts."""
        self._stopped.set()
        self._capture.interrupt()

    def _come_back(self, lost: SourceBrokeOff) -> Grabbed | None:
        """The first frame of the next connection that works."""
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
