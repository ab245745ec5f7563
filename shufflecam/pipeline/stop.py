"""A request to stop, and the signals that trigger one.

Jobs take a `StopRequest` and install no signal handler, so that they run in any thread. `stop_on_signals` is
for entry points: a command, a worker process, a task on a cluster.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from shufflecam.core.errors import Interrupted

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class StopRequest:
    """Whether a job was requested to stop, by another thread (`request`) or by a signal.

    Truthy once requested. Jobs check it between two frames, close their outputs and return an outcome with
    `interrupted` set.

    Before outputs are open (`begin_writing`), a signal ends the job immediately: importing torch and reading
    weights take seconds. From then on it is only recorded, because it may interrupt a write. A second signal
    ends the program at once.
    """

    def __init__(self) -> None:
        self._requested = False
        self._signalled = False
        self._writing = False
        self._has_written = False

    def __bool__(self) -> bool:
        return self._requested

    def request(self) -> None:
        """Request the job to stop soon; callable from any thread, any number of times."""
        self._requested = True

    def check(self) -> None:
        """Raise Interrupted if a stop was requested: for work that has nothing to close."""
        if self._requested:
            raise Interrupted("stopped" if self._has_written else "stopped before anything was written")

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Delimit one job: a signal raises Interrupted until `begin_writing`; restore the mode afterwards.

        Raises:
            Interrupted: a stop was requested already.
        """
        before = self._writing
        self._writing = False
        try:
            self.check()
            yield
        finally:
            self._writing = before

    def begin_writing(self) -> None:
        """From here on, only record a request.

        Raises:
            Interrupted: a stop was requested already, so that no output needs to be opened.
        """
        self._writing = True
        self.check()
        self._has_written = True

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._signalled:
            os._exit(130)  # second signal: no closing, no joining
        self._signalled = self._requested = True
        if not self._writing:
            self.check()


def or_never(stop: StopRequest | None) -> StopRequest:
    """Return `stop`, or a request that is never made if it is None.

    A request not yet made is falsy: `stop or StopRequest()` would replace it.
    """
    return StopRequest() if stop is None else stop


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Convert Ctrl-C, SIGTERM and SIGHUP to a request; the previous handlers are restored at the end.

    Main thread only, where Python handles signals.
    """
    request = StopRequest()
    before: dict[int, Any] = {}
    for number in STOP_SIGNALS:
        # A program started with nohup ignores SIGHUP and must continue to do so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, request.receive)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def keeping_handlers() -> Iterator[None]:
    """Restore the signal handlers that a library replaces in this block (Ray replaces that of SIGTERM)."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
