"""`webcam --preview`: the picture in the terminal, for use over SSH.

In half blocks, which every terminal with colours shows, or as a real picture where it can (`graphics`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    pass

REDRAW_S = 0.1
LONGEST_S = 2.0
SHARE = 0.25
"""Of the time that may go into drawing: a slow line is drawn on less often, not waited for."""


def check_terminal(console: Console, *, data_on_stdout: bool) -> None:
    """Whether a picture can be drawn there.

    Raises:
        UsageError: no terminal, one without colours, or one that data goes to as well.
    """
    if not console.is_terminal or console.is_dumb_terminal:
        raise UsageError("--preview draws in a terminal, and standard error is none; use --headless.")
    if console.color_system is None or console.no_color:
        raise UsageError("--preview needs colours (NO_COLOR or TERM says there are none); use --headless.")
    if data_on_stdout and sys.stdout.isatty():
        raise UsageError("--preview and --json - write to the same terminal; give --json FILE.")


def fitted(result: FrameResult, room: tuple[int, int]) -> FrameResult:
    """The result with its picture, in square pixels, made smaller to fit (width, height); its people too."""
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
    """The run in the terminal, with the window's keys."""

    wants_picture = False  # drawn anew in the terminal's own size: thin lines would vanish
    closed = False

    def __init__(
        self,
        console: Console,
        appearance: Appearance,
        canvas: Canvas | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is drawn yet, and the terminal is as it was; without a canvas it is half blocks."""
        self._console, self._clock = console, clock
        self._canvas = BlocksCanvas(console) if canvas is None else canvas
        # Drawn into half blocks a line is one of few pixels.
        self._fine = not isinstance(self._canvas, BlocksCanvas)
        self._appearance = (
            appearance if self._fine else replace(appearance, look=replace(appearance.look, thickness=1.0))
        )
        self._keys = TerminalKeys()
        self._next_s = 0.0
        self._later: list[str] = []

    def say(self, text: str, *, as_is: bool = False) -> None:
        """Shown below the picture, and kept until it is gone; `as_is` as `Terminal.say` has it."""
        self._later = [*self._later, text if as_is else without_secrets(text)][-50:]

    def show(
        self, picture: ImageArray, result: FrameResult | None, figures: Figures, state: LiveState
    ) -> int | None:
        """Draw, unless that was a moment ago; the key."""
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
        """The key."""
        return self._keys.read()

    def close(self) -> None:
        """Give the terminal back, and say what there was to say."""
        self._keys.stop()
        self._canvas.stop()
        for text in self._later:
            self._console.print(text, markup=False)
        self._later = []

    def _measure(self) -> None:
        """Take the terminal's own word for its size: COLUMNS and LINES are those from before a resize."""
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
            if not self._fine:  # there is no room for numbers, nor for both dots and lines
                shown = replace(state, ids=False)
                appearance = replace(
                    appearance, look=replace(appearance.look, joints=state.view == "keypoints")
                )
            picture = compose(fitted(result, self._canvas.room(len(lines))), shown, appearance)
        self._canvas.draw(picture, lines)
