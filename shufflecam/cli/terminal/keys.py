"""Key presses in a terminal."""

from __future__ import annotations

import os
import re
import select
import sys
from typing import Any

_SEQUENCE = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|O.)")
"""Escape sequences of arrow and function keys (ECMA-48, and xterm's own)."""


class TerminalKeys:
    """Reads single key presses, without Enter; none where standard input is not a terminal."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None
        self._typed = b""
        self._started = False

    def start(self) -> None:
        """Switch to unbuffered input without echo, once. Ctrl-C still interrupts."""
        if self._started:
            return
        self._started = True
        try:
            import termios
            import tty

            if sys.stdin is not None and sys.stdin.isatty():
                self._before = termios.tcgetattr(sys.stdin)
                tty.setcbreak(sys.stdin)
        except (ImportError, OSError, ValueError):  # not available on Windows
            self._before = None

    def read(self) -> int | None:
        """Return the next key's code, or None, without blocking. Arrow and function keys give None."""
        if self._before is None:
            return None
        if self._ready():
            self._typed += os.read(sys.stdin.fileno(), 64)
        sequence = _SEQUENCE.match(self._typed)
        if sequence is not None:  # e.g. an arrow key: nothing follows a lone Esc
            self._typed = self._typed[sequence.end() :]
            return None
        pressed, self._typed = self._typed[:1], self._typed[1:]
        return pressed[0] if pressed else None

    def stop(self) -> None:
        """Restore the terminal."""
        if self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)
            self._before = None

    def _ready(self) -> bool:
        return bool(select.select([sys.stdin], [], [], 0)[0])
