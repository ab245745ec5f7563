"""`webcam --preview`: the picture in the terminal, in half blocks, for use over SSH."""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from shufflecam.core.errors import UsageError
from shufflecam.core.types import FrameResult, ImageArray
from shufflecam.live.hud import Figures, condition, numbers
from shufflecam.live.picture import Scene, compose
from shufflecam.live.state import HELP, LiveState

if TYPE_CHECKING:
    from shufflecam.core.types import Pose

MOST_COLUMNS = 120
REDRAW_S = 0.1
LONGEST_S = 2.0
SHARE = 0.25
"""Of the time that may go into drawing: a slow line is drawn on less often, not waited for."""

_UPPER_HALF = "\u2580"
_COLOR_STEP = 8  # 32 levels a channel: fewer changes of colour to send, none that anybody sees


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


class HalfBlocks:
    """A picture as large as there is room, two pixels a cell, with lines of text below; a rich renderable."""

    def __init__(self, draw: Callable[[tuple[int, int]], ImageArray | None], lines: list[str]) -> None:
        """`draw` makes a picture, (H, W, 3) uint8 BGR, that fits into (width, height) pixels."""
        self._draw, self._lines = draw, lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Asks for the size each time: terminals are resized."""
        rows = max(1, console.size.height - len(self._lines) - 1)
        picture = self._draw((min(options.max_width, MOST_COLUMNS), 2 * rows))
        if picture is not None:
            yield from half_blocks(picture)
        for line in self._lines:
            yield Text(line, no_wrap=True, overflow="ellipsis")


def half_blocks(picture: ImageArray) -> list[Segment]:
    """Cells of upper half blocks: the upper pixel in the foreground colour, the lower in the background's.

    Args:
        picture: (H, W, 3) uint8 BGR; an odd last row is doubled.
    """
    if picture.shape[0] % 2:
        picture = np.concatenate([picture, picture[-1:]])
    coarse = picture // _COLOR_STEP * _COLOR_STEP + _COLOR_STEP // 2
    segments = []
    for upper, lower in zip(coarse[0::2].tolist(), coarse[1::2].tolist(), strict=True):
        last, count = None, 0
        for cell in zip(map(tuple, upper), map(tuple, lower), strict=True):
            if cell == last:
                count += 1
                continue
            if last is not None:
                segments.append(Segment(_UPPER_HALF * count, _style(*last)))
            last, count = cell, 1
        if last is not None:
            segments.append(Segment(_UPPER_HALF * count, _style(*last)))
        segments.append(Segment.line())
    return segments


@lru_cache(1 << 14)
def _style(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> Style:
    return Style(color=Color.from_rgb(*upper[::-1]), bgcolor=Color.from_rgb(*lower[::-1]))


def fitted(result: FrameResult, room: tuple[int, int]) -> FrameResult:
    """The result with its picture made smaller to fit (width, height), and its people with it."""
    height, width = result.frame.image.shape[:2]
    scale = min(room[0] / width, room[1] / height)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    image = cv2.resize(result.frame.image, size, interpolation=cv2.INTER_AREA)
    ratio = np.array([size[0] / width, size[1] / height], np.float32)
    poses = tuple(_scaled(pose, ratio) for pose in result.poses)
    return replace(result, frame=replace(result.frame, image=image), poses=poses)


def _scaled(pose: Pose, ratio: np.ndarray) -> Pose:
    def move(points: np.ndarray) -> np.ndarray:
        return ((points + 0.5) * ratio - 0.5).astype(np.float32)

    smoothed = pose.keypoints_smoothed
    return replace(
        pose,
        box_xyxy=move(pose.box_xyxy.reshape(2, 2)).reshape(4),
        keypoints=move(pose.keypoints),
        keypoints_smoothed=None if smoothed is None else move(smoothed),
    )


class PreviewFace:
    """The run in the terminal, with the window's keys."""

    wants_picture = False  # drawn anew in the terminal's own size: thin lines would vanish
    closed = False

    def __init__(self, console: Console, scene: Scene, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is drawn yet, and the terminal is as it was."""
        self._console, self._clock = console, clock
        self._scene = replace(scene, look=replace(scene.look, thickness=1.0))
        self._live: Live | None = None
        self._keys = TerminalKeys()
        self._next_s = 0.0
        self._later: list[str] = []

    def say(self, text: str) -> None:
        """Shown below the picture, and kept until it is gone."""
        self._later = [*self._later, text][-50:]

    def show(
        self, picture: ImageArray, result: FrameResult | None, figures: Figures, state: LiveState
    ) -> int | None:
        """Draw, unless that was a moment ago; the key."""
        began = self._clock()
        before = self._console.size
        self._measure()
        if began < self._next_s and self._console.size == before:
            return self._keys.read()
        if self._live is None:
            self._live = Live(
                console=self._console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            self._keys.start()
        self._live.update(self._renderable(result, figures, state), refresh=True)
        took_s = self._clock() - began
        self._next_s = began + min(LONGEST_S, max(REDRAW_S, took_s / SHARE))
        return self._keys.read()

    def poll(self) -> int | None:
        """The key."""
        return self._keys.read()

    def close(self) -> None:
        """Give the terminal back, and say what there was to say."""
        self._keys.stop()
        if self._live is not None:
            self._live.stop()
            self._live = None
        for text in self._later:
            self._console.print(text, markup=False)
        self._later = []

    def _measure(self) -> None:
        """Take the terminal's own word for its size: COLUMNS and LINES are those from before a resize."""
        with contextlib.suppress(OSError, ValueError):  # not a real terminal
            self._console.size = os.get_terminal_size(self._console.file.fileno())

    def _renderable(self, result: FrameResult | None, figures: Figures, state: LiveState) -> HalfBlocks:
        plain = replace(state, ids=False)  # there is no room for numbers, nor for both dots and lines
        scene = replace(self._scene, look=replace(self._scene.look, joints=state.view == "keypoints"))

        def draw(room: tuple[int, int]) -> ImageArray | None:
            return None if result is None else compose(fitted(result, room), plain, scene)

        lines = [numbers(figures, screen=False), figures.trouble or condition(figures, state)]
        if self._later:
            lines.append(self._later[-1])
        if state.help:
            return HalfBlocks(lambda room: None, [*HELP, "", *lines])
        return HalfBlocks(draw, lines)


_SEQUENCE = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|O.)")
"""What arrow and function keys send (ECMA-48, and xterm's own)."""


class TerminalKeys:
    """Single keys from the terminal, without Enter; none where standard input is no terminal."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None
        self._typed = b""

    def start(self) -> None:
        """From now on keys come one by one and are not shown. Ctrl-C still interrupts."""
        try:
            import termios
            import tty

            if sys.stdin is not None and sys.stdin.isatty():
                self._before = termios.tcgetattr(sys.stdin)
                tty.setcbreak(sys.stdin)
        except (ImportError, OSError, ValueError):  # no such thing on Windows
            self._before = None

    def read(self) -> int | None:
        """The next key's code, or None; never waits. Arrow and function keys are None."""
        if self._before is None:
            return None
        if self._ready():
            self._typed += os.read(sys.stdin.fileno(), 64)
        sequence = _SEQUENCE.match(self._typed)
        if sequence is not None:  # an arrow: Esc alone has nothing behind it
            self._typed = self._typed[sequence.end() :]
            return None
        pressed, self._typed = self._typed[:1], self._typed[1:]
        return pressed[0] if pressed else None

    def stop(self) -> None:
        """The terminal as it was."""
        if self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)
            self._before = None

    def _ready(self) -> bool:
        return bool(select.select([sys.stdin], [], [], 0)[0])
