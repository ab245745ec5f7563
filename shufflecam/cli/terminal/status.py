"""Status line of a live run in the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.markup import escape

from shufflecam.core.types import FrameResult, ImageArray
from shufflecam.live.hud import Figures, numbers
from shufflecam.live.state import LiveState

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status


STATUS_EVERY_S = 0.25


class StatusViewer:
    """Viewer that shows a status line in the terminal, for runs without a window."""

    wants_picture = False
    closed = False

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_s = 0.0
        self._status: Status | None = None
        if console.is_terminal:
            self._status = console.status("waiting for the first picture (Ctrl-C ends)")
            self._status.start()

    def show(
        self, picture: ImageArray, result: FrameResult | None, figures: Figures, state: LiveState
    ) -> int | None:
        """Update the status line, a few times a second."""
        now = self._clock()
        if self._status is not None and now >= self._next_s:
            self._next_s = now + STATUS_EVERY_S
            # An address may contain brackets: rtsp://[fe80::1]/live.
            trouble = f"  {escape(figures.trouble)}" if figures.trouble else ""
            self._status.update(f"{numbers(figures, screen=False)}{trouble}  (Ctrl-C ends)")
        return None

    def poll(self) -> int | None:
        """Return None: the status line takes no keys."""
        return None

    def close(self) -> None:
        """Remove the status line."""
        if self._status is not None:
            self._status.stop()
