"""The threads of a run and the queues between them::

    a file:    capture thread -> bounded queue -> inference thread -> bounded queue -> main thread
    a camera:  (the source's own thread keeps the newest frame) -> inference thread -> main thread

A file blocks and loses nothing; a camera is never blocked, so the inference thread takes the newest
frame, and no queue of old pictures lies between the two. Results arrive on the main thread in order,
each with its frame. The concrete source and the inference are injected.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any

from shufflecam.core.protocols import FrameSource
from shufflecam.core.stats import Stats
from shufflecam.core.types import Frame, FrameResult
from shufflecam.pipeline.channel import Channel, pump

JOIN_TIMEOUT_S = 1.0
"""Timeout for joining a thread at the end. One that blocks inside a camera driver cannot be stopped from
outside; it is a daemon thread and is abandoned, so that the program still exits."""

CAPTURE_DEPTH = 4
"""Frames decoded ahead of inference: enough to hide an uneven decoder; 24 MB at 1080p."""

RESULT_DEPTH = 2
"""Results ahead of the main thread. Few, because with a live window each one adds latency."""


class Pipeline:
    """One run from a source to results. Single use."""

    def __init__(
        self,
        source: FrameSource,
        infer: Callable[[Frame], FrameResult],
        stats: Stats,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._infer = infer
        self._stats = stats
        self._clock = clock
        self._channels: list[Channel[Any]] = []
        self._threads: list[threading.Thread] = []

    def results(self, tick_s: float = 0.1) -> Generator[FrameResult | None, None, None]:
        """Yield every result in order, and None whenever none arrived for `tick_s`, to poll keys and signals.

        Leaving the loop early (break, an exception, `close()` of the generator) stops every thread
        and closes the source. An error of the source or of the inference is raised here, after
        the results of all earlier frames.
        """
        try:
            finished = self._start()
            while True:
                try:
                    result = finished.get(tick_s)
                except TimeoutError:
                    yield None
                    continue
                except EOFError:
                    return
                yield self._stamped(result)
        finally:
            self.stop()
            for thread in self._threads:
                thread.join(JOIN_TIMEOUT_S)

    def stop(self) -> None:
        """End the run; callable from any thread. Queued results are discarded."""
        for channel in self._channels:
            channel.close()
        self._source.close()

    def _start(self) -> Channel[FrameResult]:
        frames: Iterable[Frame] = self._timed(self._source.frames())
        if not self._source.info.live:
            captured: Channel[Frame] = Channel(CAPTURE_DEPTH, lambda frame: frame.image.nbytes)
            self._spawn("capture", frames, captured)
            frames = captured
        finished: Channel[FrameResult] = Channel(RESULT_DEPTH, lambda result: result.frame.image.nbytes)
        self._spawn("inference", map(self._counted, frames), finished)
        return finished

    def _spawn(self, name: str, items: Iterable[Any], channel: Channel[Any]) -> None:
        thread = threading.Thread(target=pump, args=(items, channel), name=f"shufflecam-{name}", daemon=True)
        self._channels.append(channel)
        self._threads.append(thread)
        thread.start()

    def _timed(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        while True:
            with self._stats.stage("capture"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def _counted(self, frame: Frame) -> FrameResult:
        result = self._infer(frame)
        self._stats.tick("inference")
        return result

    def _stamped(self, result: FrameResult) -> FrameResult:
        if result.frame.captured_s is None:
            return result
        latency_s = self._clock() - result.frame.captured_s
        self._stats.observe("latency", latency_s)
        return replace(result, latency_s=latency_s)
