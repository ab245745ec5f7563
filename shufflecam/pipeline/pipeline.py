"""The threads and the queues between them::

    a file:    capture thread -> bounded queue -> inference thread -> bounded queue -> main thread
    a camera:  (the source's own thread keeps the newest frame) -> inference thread -> main thread

A file waits and loses nothing; a camera is not made to wait, so the inference thread takes whatever
is newest, and no queue of old pictures stands between the two. Results arrive on the main thread in
order, each with its own frame. The concrete source and the inference are passed in.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Generic, TypeVar

from shufflecam.core.picture import WAITING_BYTES
from shufflecam.core.protocols import FrameSource
from shufflecam.core.stats import Stats
from shufflecam.core.types import Frame, FrameResult

T = TypeVar("T")

JOIN_TIMEOUT_S = 1.0
"""How long a thread is waited for at the end. One that blocks inside a camera driver cannot be
stopped from outside; it is a daemon and is left behind, so that the program still ends."""

CAPTURE_DEPTH = 4
"""Frames decoded ahead of inference: enough to hide an uneven decoder, and 24 MB at 1080p."""

RESULT_DEPTH = 2
"""Results ahead of the main thread. Small, because with a live window each one is latency."""


class Channel(Generic[T]):
    """A bounded queue between two threads that can be finished (by its writer) or closed (by anyone).

    After `finish` the reader still gets everything that was put, then the end or the writer's error.
    After `close` nothing more is given or taken and everybody who waits wakes up.
    """

    def __init__(self, depth: int, weigh: Callable[[T], int] = lambda item: 0) -> None:
        """`depth` items may wait; fewer where they hold more than `WAITING_BYTES`, which `weigh` says."""
        self._items: deque[T] = deque()
        self._depth = depth
        self._weigh = weigh
        self._changed = threading.Condition()
        self._finished = False
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Wait for room and add `item`; False where the channel was closed: stop producing."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room())
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def _has_room(self) -> bool:
        return len(self._items) < self._depth and sum(map(self._weigh, self._items)) < WAITING_BYTES

    def finish(self, error: BaseException | None = None) -> None:
        """Nothing more will come; `error` is raised at the reader after the last item."""
        with self._changed:
            self._finished = True
            self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Drop what is queued and wake everybody."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def get(self, timeout_s: float | None = None) -> T:
        """The next item.

        Raises:
            TimeoutError: nothing came within `timeout_s`.
            EOFError: there is nothing more to come.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._finished or self._items, timeout_s):
                raise TimeoutError
            if self._items and not self._closed:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None and not self._closed:
                raise self._error
            raise EOFError

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                item = self.get()
            except EOFError:
                return
            yield item


def pump(items: Iterable[T], channel: Channel[T]) -> None:
    """Move everything into the channel: the body of every thread here.

    An error, of whatever kind, is carried to the reader behind the items that came before it.
    """
    error: BaseException | None = None
    try:
        for item in items:
            if not channel.put(item):
                break
    except BaseException as raised:  # a thread has nobody else to tell
        error = raised
    finally:
        channel.finish(error)


class Pipeline:
    """One run from a source to results. Use it once."""

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
        self._channels: list[Channel] = []
        self._threads: list[threading.Thread] = []

    def results(self, tick_s: float = 0.1) -> Generator[FrameResult | None, None, None]:
        """Every result in order; None whenever nothing came for `tick_s`, to look after keys and signals.

        Leaving the loop early (break, an exception, `close()` of the generator) stops every thread
        and closes the source. An error of the source or of the inference is raised here, after
        the results of all frames before it.
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
        """End the run from any thread. Results that are still queued are dropped."""
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

    def _spawn(self, name: str, items: Iterable, channel: Channel) -> None:
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
