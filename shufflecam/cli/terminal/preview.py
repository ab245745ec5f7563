"""`webcam --preview`: the picture in the terminal, for use over SSH.

Drawn in half blocks, which every colour terminal supports, or as a real image where possible (`graphics`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from rich.console import Console

from shufflecam.cli.terminal.blocks import BlocksCanvas, Canvas
from shufflecam.cli.terminal.keys import TerminalKeys
from shufflecam.core.addresses import without_secrets
from shufflecam.core.errors import UsageError
from shufflecam.core.types import FrameResult, ImageArray
from shufflecam.live.compose import Appearance, compose
from shufflecam.live.hud import Figures, condition_and_keys, numbers
from shufflecam.live.state import HELP, LiveState

REDRAW_S = 0.1
LONGEST_S = 2.0
SHARE = 0.25
"""Maximum share of time spent drawing: on a slow connection frames are drawn less often, without blocking."""


def check_terminal(console: Console, *, data_on_stdout: bool) -> None:
    """Check that a picture can be drawn in the terminal.

    Raises:
        UsageError: not a terminal, one without colours, or one that also receives the data.
    """
    if not console.is_terminal or console.is_dumb_terminal:
        raise UsageError("--preview draws in a terminal, and standard error is none; use --headless.")
    if console.color_system is None or console.no_color:
        raise UsageError("--preview needs colours (NO_COLOR or TERM says there are none); use --headless.")
    if data_on_stdout and sys.stdout.isatty():
        raise UsageError("--preview and --json - write to the same terminal; give --json FILE.")


def fitted(result: FrameResult, room: tuple[int, int]) -> FrameResult:
    """Return the result scaled down, picture and people, to fit (width, height) in square pixels."""
    height, width = result.frame.image.shape[:2]
    broad = width * result.frame.pixel_aspect
    scale = min(room[0] / broad, room[1] / height)
    size = max(1, int(broad * scale)), max(1, int(height * scale))
    image = cv2.resize(result.frame.image, size, interpolation=cv2.INTER_AREA)
    ratio = np.array([size[0] / width, size[1] / height], np.float32)

    def scaled(points: np.ndarray) -> np.ndarray:
        return (points + 0.5) * ratio - 0.5

    poses = tuple(pose.moved(scaled) for pose in result.poses)
    return replace(result, frame=replace(result.frame, image=image, pixel_aspect=1.0), poses=poses)


class PreviewViewer:
    """Viewer that shows a run in the terminal, with the window's keys."""

    wants_picture = False  # redrawn at the terminal's own size: thin lines would vanish
    closed = False

    def __init__(
        self,
        console: Console,
        appearance: Appearance,
        canvas: Canvas | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a viewer without touching the terminal; the default canvas is half blocks."""
        self._console, self._clock = console, clock
        self._canvas = BlocksCanvas(console) if canvas is None else canvas
        # In half blocks a line takes up one of few pixels.
        self._fine = not isinstance(self._canvas, BlocksCanvas)
        self._appearance = (
            appearance if self._fine else replace(appearance, look=replace(appearance.look, thickness=1.0))
        )
        self._keys = TerminalKeys()
        self._next_s = 0.0
        self._later: list[str] = []

    def say(self, text: str, *, as_is: bool = False) -> None:
        """Show a line below the picture, and print it again on close; `as_is` as in `Terminal.say`."""
        self._later = [*self._later, text if as_is else without_secrets(text)][-50:]

    def show(
        self, picture: ImageArray, result: FrameResult | None, figures: Figures, state: LiveState
    ) -> int | None:
        """Draw, subject to the rate limit, and return the key pressed, if any."""
        began = self._clock()
        before = self._console.size
        self._measure()
        resized = self._console.size != before
        if began < self._next_s and not resized:
            return self._keys.read()
        self._canvas.start()
        self._keys.start()
        if resized:
            self._canvas.clear()
        self._draw(result, figures, state)
        took_s = self._clock() - began
        self._next_s = began + min(LONGEST_S, max(REDRAW_S, took_s / SHARE))
        return self._keys.read()

    def poll(self) -> int | None:
        """Return the key pressed, if any."""
        return self._keys.read()

    def close(self) -> None:
        """Restore the terminal, and print the lines shown during the run."""
        self._keys.stop()
        self._canvas.stop()
        for text in self._later:
            self._console.print(text, markup=False)
        self._later = []

    def _measure(self) -> None:
        """Query the terminal's size: COLUMNS and LINES are out of date after a resize."""
        with contextlib.suppress(OSError, ValueError):  # not a real terminal
            self._console.size = os.get_terminal_size(self._console.file.fileno())

    def _draw(self, result: FrameResult | None, figures: Figures, state: LiveState) -> None:
        lines = [numbers(figures, screen=False), figures.trouble or condition_and_keys(figures, state)]
        if self._later:
            lines.append(self._later[-1])
        if state.help:
            # A terminal has its own key for full screen.
            keys = [line for line in HELP if not line.startswith("f ")]
            self._canvas.draw(None, [*keys, "", *lines])
            return
        picture = None
        if result is not None:
            shown, appearance = state, self._appearance
            if not self._fine:  # no room for ids, nor for both keypoints and limbs
                shown = replace(state, ids=False)
                appearance = replace(
                    appearance, look=replace(appearance.look, joints=state.view == "keypoints")
                )
            picture = compose(fitted(result, self._canvas.room(len(lines))), shown, appearance)
        self._canvas.draw(picture, lines)
