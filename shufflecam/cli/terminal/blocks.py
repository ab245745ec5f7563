"""Canvas of `webcam --preview` in character cells, two pixels each. For real images see `graphics`."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from shufflecam.core.types import ImageArray

MOST_COLUMNS = 120

_UPPER_HALF = "\u2580"
_COLOR_STEP = 8  # 32 levels per channel: fewer colour changes to send, without visible difference


class Canvas(Protocol):
    """A surface for a picture with lines of text below it."""

    def start(self) -> None:
        """Take over the terminal; idempotent."""

    def room(self, lines: int) -> tuple[int, int]:
        """Return the (width, height) available to a picture above `lines` lines of text, in canvas pixels."""

    def draw(self, picture: ImageArray | None, lines: list[str]) -> None:
        """Draw a picture, (H, W, 3) uint8 BGR and no larger than `room`, and lines of text."""

    def clear(self) -> None:
        """Clear the canvas after the terminal was resized."""

    def stop(self) -> None:
        """Restore the terminal."""


class BlocksCanvas:
    """Canvas with two pixels per cell, drawn by rich."""

    def __init__(self, console: Console) -> None:
        """Create a canvas without touching the terminal."""
        self._console = console
        self._live: Live | None = None

    def start(self) -> None:
        """Switch to the terminal's alternate screen."""
        if self._live is None:
            self._live = Live(
                console=self._console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def room(self, lines: int) -> tuple[int, int]:
        """Return the available size: one pixel per column, two per row."""
        rows = max(1, self._console.size.height - lines - 1)
        return min(self._console.size.width, MOST_COLUMNS), 2 * rows

    def draw(self, picture: ImageArray | None, lines: list[str]) -> None:
        """Draw picture and text in a single write by rich."""
        if self._live is not None:
            self._live.update(_HalfBlocks(picture, lines), refresh=True)

    def clear(self) -> None:
        """Do nothing: every draw fills the entire screen."""

    def stop(self) -> None:
        """The terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class _HalfBlocks:
    """Rich renderable of a picture and lines of text."""

    def __init__(self, picture: ImageArray | None, lines: list[str]) -> None:
        self._picture, self._lines = picture, lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._picture is not None:
            yield from half_blocks(self._picture)
        for line in self._lines:
            yield Text(line, no_wrap=True, overflow="ellipsis")


def half_blocks(picture: ImageArray) -> list[Segment]:
    """Return cells of upper half blocks: foreground is the upper pixel, background the lower one.

    Args:
        picture: (H, W, 3) uint8 BGR; if H is odd, the last row is repeated.
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
