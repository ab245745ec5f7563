"""Standard input, output and error where one of them is closed, or goes away in the middle."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any

from shufflecam.core.errors import OutputError

_CLOSED = "Standard output is closed, and what was asked for goes there; leave out >&-, or write to a file."


class ClosedOutput(io.TextIOBase):
    """Stands for a standard output that was closed before the program began: the first write says so."""

    def writable(self) -> bool:
        """It is, as far as anybody asks: then it raises."""
        return True

    def write(self, text: str) -> int:
        """Raise OutputError, also for an empty text: whoever wants to know beforehand writes one."""
        raise OutputError(_CLOSED)


def give_up(descriptor: int) -> None:
    """Let what is still written there go nowhere, so that nothing complains at the program's end."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def mend() -> None:
    """Fill the places of streams that are closed, before any file is opened.

    Else the first file that is opened would be number 1 or 2, and what a library prints there would stand
    in the middle of a video.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # the lowest that is free, so this one
    if sys.stdout is None:
        _set("stdout", ClosedOutput())
    if sys.stderr is None:
        _set("stderr", open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the program


def _set(name: str, stream: Any) -> None:
    setattr(sys, name, stream)
