"""Handle standard streams that are closed at start-up or break during a run."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any

from shufflecam.core.errors import OutputError

_CLOSED = "Standard output is closed, and what was asked for goes there; leave out >&-, or write to a file."


class ClosedOutput(io.TextIOBase):
    """Placeholder for a standard output that was closed before start-up: the first write raises."""

    def writable(self) -> bool:
        """Return True, so that callers go on to `write`, which raises."""
        return True

    def write(self, text: str) -> int:
        """Raise OutputError, also for an empty string, which serves callers as a check in advance."""
        raise OutputError(_CLOSED)


def give_up(descriptor: int) -> None:
    """Redirect a descriptor to the null device, so that flushing it at exit raises no error."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def mend() -> None:
    """Replace closed standard streams, before any file is opened.

    Otherwise the first file opened would get descriptor 1 or 2, and a library's messages to it would be
    written into a video.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor, which is this one
    if sys.stdout is None:
        _set("stdout", ClosedOutput())
    if sys.stderr is None:
        _set("stderr", open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until exit


def _set(name: str, stream: Any) -> None:
    setattr(sys, name, stream)
