"""A request to stop, and the signals that make one."""

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
    """Whether somebody asked us to end. A second request ends the program at once.

    Before outputs are open (`writing`), a signal ends things on the spot: importing torch and reading
    weights take seconds. From then on it is only noted, because it may interrupt a write.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.writing = False

    def __bool__(self) -> bool:
        return self.signal is not None

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self.signal is not None:
            os._exit(130)  # asked twice: no closing, no joining
        self.signal = number
        if not self.writing:
            raise Interrupted("stopped before anything was written")


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a request; the old handlers come back at the end."""
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
