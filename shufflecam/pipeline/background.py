"""A sink on its own thread: it draws and encodes a picture while the networks process the next one."""

from __future__ import annotations

import queue
import threading

from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.picture import WAITING_BYTES
from shufflecam.core.protocols import Sink
from shufflecam.core.types import FrameResult

DEPTH = 3
"""Number of results that may be queued. The encoder is nearly always faster than the networks, so this only
smooths a keyframe; and what is queued is lost if the program is killed."""


class _Waiting(queue.Queue[FrameResult | None]):
    """A queue that is also full once its pictures hold `WAITING_BYTES`."""

    def _qsize(self) -> int:
        count = len(self.queue)
        held = sum(result.frame.image.nbytes for result in self.queue if result is not None)
        return count if held < WAITING_BYTES else max(count, self.maxsize)


class BackgroundSink:
    """Passes results to another sink, in order, on a thread; a `core.protocols.Sink`.

    The results' pictures belong to that thread from `write` on. An error on it is raised by the next
    `write`, or by `close`, which waits until everything is written.
    """

    def __init__(self, sink: Sink, depth: int = DEPTH) -> None:
        """Wrap `sink`, which the caller must not use any more; `depth` results may be queued."""
        self._sink = sink
        self._waiting = _Waiting(depth)
        self._error: BaseException | None = None
        self._told = False
        self._thread = threading.Thread(target=self._work, name="shufflecam-encode", daemon=True)
        self._thread.start()

    def write(self, result: FrameResult) -> None:
        """Queue one result; block while the queue is full.

        Raises:
            Any error of the sink for an earlier result: that result and all later ones are not written.
        """
        self._tell()
        self._waiting.put(result)

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Write what is queued, then close the sink. Raises the sink's error unless `write` has raised it."""
        self._waiting.put(None)
        self._thread.join()
        whole = complete and self._error is None
        self._sink.close(complete=whole, dropped=dropped, missing=missing)
        self._tell()

    def _work(self) -> None:
        while (result := self._waiting.get()) is not None:
            # After an error the queue is still drained: the writer must not block forever.
            if self._error is None:
                try:
                    self._sink.write(result)
                except BaseException as error:  # errors of every kind must reach the main thread
                    self._error = error

    def _tell(self) -> None:
        if self._error is not None and not self._told:
            self._told = True
            raise self._error
