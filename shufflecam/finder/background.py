"""Runs a detector in its own thread: it searches the newest frame while poses are found in later ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from shufflecam.core.protocols import PersonDetector
from shufflecam.core.types import Detections, Frame
from shufflecam.engines.cpu import physical_cores

ENOUGH_CORES = 4
"""With fewer, two concurrent networks only slow each other down: frames wait for the detector instead."""

JOIN_S = 2.0
"""How long `close` waits for a detection; the thread is a daemon and holds nothing that must be saved."""


@dataclass(frozen=True, eq=False)
class Searched:
    """The result for one frame."""

    timestamp_s: float
    """The frame's timestamp."""
    found: Detections
    seconds: float
    """Duration of the detection."""


class BackgroundDetector:
    """Searches one frame at a time. `offer`, `take` and `close` must be called from the same thread."""

    def __init__(self, detector: PersonDetector, clock: Callable[[], float] = time.perf_counter) -> None:
        """Start the thread."""
        self._detector = detector
        self._clock = clock
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._result: Searched | None = None
        self._error: BaseException | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="shufflecam-detect", daemon=True)
        self._thread.start()

    def offer(self, frame: Frame) -> bool:
        """Search this frame and return True, unless busy. Copies the picture: it will be drawn into."""
        with self._changed:
            if self._frame is not None or self._closed:
                return False
            self._frame = replace(frame, image=frame.image.copy())
            self._changed.notify_all()
            return True

    def take(self) -> Searched | None:
        """Return the latest result once; None if there is no new one.

        Raises:
            Whatever the detector raised.
        """
        with self._changed:
            if self._error is not None:
                raise self._error
            result, self._result = self._result, None
            return result

    def wait(self, timeout_s: float) -> bool:
        """Wait until no search is running; returns False on timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: self._frame is None, timeout_s)

    def close(self) -> None:
        """Stop the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(JOIN_S)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._frame is not None)
                frame = self._frame
                if self._closed or frame is None:
                    return
            result, error = None, None
            began = self._clock()
            try:
                found = self._detector.detect(frame)
                result = Searched(frame.timestamp_s, found, self._clock() - began)
            except BaseException as raised:  # raised again by `take`
                error = raised
            with self._changed:
                self._frame, self._result, self._error = None, result, error
                self._changed.notify_all()
                if error is not None:
                    return


def enough_cores() -> bool:
    """Whether running a second network concurrently pays off on this machine."""
    return physical_cores() >= ENOUGH_CORES
