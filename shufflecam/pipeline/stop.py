"""A request to stop, and the signals that make one.

Jobs take a `StopRequest` and install no signal handler, so that they run in any thread. `stop_on_signals` is
for the doors: a command, a worker process, a task on a cluster.
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
    """Whether somebody asked a job to end: another thread by `request`, or a signal.

    True in a condition once it was asked for. Jobs look at it between two frames, close their outputs and
    return an outcome that says `interrupted`.

    Before outputs are open (`begin_writing`), a signal ends things on the spot: importing torch and reading
    weights take seconds. From then on it is only noted, because it may interrupt a write. A second signal
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
        """Ask the job to end soon. From any thread, as often as one likes."""
        self._requested = True

    def check(self) -> None:
        """Raise Interrupted where it was asked for: for work that has nothing to close."""
        if self._requested:
            raise Interrupted("stopped" if self._has_written else "stopped before anything was written")

    @contextmanager
    def scope(self) -> Iterator[None]:
        """One job: a signal raises Interrupted up to `begin_writing`; after the block it is as it was before.

        Raises:
            Interrupted: it was asked for already.
        """
        before = self._writing
        self._writing = False
        try:
            self.check()
            yield
        finally:
            self._writing = before

    def begin_writing(self) -> None:
        """From here on a request is only noted.

        Raises:
            Interrupted: it was asked for already, and nothing needs to be opened.
        """
        self._writing = True
        self.check()
        self._has_written = True

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self._signalled:
            os._exit(130)  # asked twice: no closing, no joining
        self._signalled = self._requested = True
        if not self._writing:
            self.check()


def or_never(stop: StopRequest | None) -> StopRequest:
    """`stop`, or where it is None one that nobody will ever make.

    A request that was not made yet is false: `stop or StopRequest()` would lose it.
    """
    return StopRequest() if stop is None else stop


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a request; the old handlers come back at the end.

    In the main thread only, where Python handles signals.
    """
    request = StopRequest()
    before: dict[int, Any] = {}
    for number in STOP_SIGNALS:
        # A program started with nohup ignores SIGHUP and must go on doing so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, request.receive)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def keeping_handlers() -> Iterator[None]:
    """Put back what a library does to the signals' handlers in this block (Ray takes SIGTERM for itself)."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
