"""A sink on its own thread: drawing and encoding a picture while the networks work on the next one."""

from __future__ import annotations

import queue
import threading

from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.picture import WAITING_BYTES
from shufflecam.core.protocols import Sink
from shufflecam.core.types import FrameResult

DEPTH = 3
"""Results that may wait. The encoder is nearly always the quicker one, so this only evens out a keyframe;
and what waits is lost where the program is killed."""


class _Waiting(queue.Queue[FrameResult | None]):
    """Is full as well where its pictures hold more than `WAITING_BYTES`."""

    def _qsize(self) -> int:
        count = len(self.queue)
        held = sum(result.frame.image.nbytes for result in self.queue if result is not None)
        return count if held < WAITING_BYTES else max(count, self.maxsize)


class BackgroundSink:
    """Hands results to another sink, in order, on a thread; a `core.protocols.Sink`.

    The results' pictures belong to that thread from `write` on. What goes wrong there is raised by the
    next `write`, or by `close`, which waits until everything is written.
    """

    def __init__(self, sink: Sink, depth: int = DEPTH) -> None:
        """Wrap `sink`, of which nothing else may be called any more; `depth` results may wait."""
        self._sink = sink
        self._waiting = _Waiting(depth)
        self._error: BaseException | None = None
        self._told = False
        self._thread = threading.Thread(target=self._work, name="shufflecam-encode", daemon=True)
        self._thread.start()

    def write(self, result: FrameResult) -> None:
        """Queue one result; waits while too many are queued.

        Raises:
            What the sink raised for an earlier result: that one and all after it are not written.
        """
        self._tell()
        self._waiting.put(result)

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Write what is queued, then close the sink. Raises what neither `write` nor anybody else told."""
        self._waiting.put(None)
        self._thread.join()
        whole = complete and self._error is None
        self._sink.close(complete=whole, dropped=dropped, missing=missing)
        self._tell()

    def _work(self) -> None:
        while (result := self._waiting.get()) is not None:
            # After an error the queue is still emptied: nobody may wait for room for ever.
            if self._error is None:
                try:
                    self._sink.write(result)
                except BaseException as error:  # the main thread has to hear of it, whatever it is
                    self._error = error

    def _tell(self) -> None:
        if self._error is not None and not self._told:
            self._told = True
            raise self._error
