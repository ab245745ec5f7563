"""What `webcam --preview` draws on: the terminal's cells, two pixels each. Real pictures: `graphics`."""

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
_COLOR_STEP = 8  # 32 levels a channel: fewer changes of colour to send, none that anybody sees


class Canvas(Protocol):
    """Where a picture and lines of text below it are drawn."""

    def start(self) -> None:
        """Take the terminal; again and again is once."""

    def room(self, lines: int) -> tuple[int, int]:
        """(width, height) in the canvas's own pixels that a picture has above so many lines of text."""

    def draw(self, picture: ImageArray | None, lines: list[str]) -> None:
        """Picture, (H, W, 3) uint8 BGR and no larger than `room`, and text."""

    def clear(self) -> None:
        """Wipe it: the terminal has another size now."""

    def stop(self) -> None:
        """The terminal as it was."""


class BlocksCanvas:
    """Two pixels a cell, drawn by rich."""

    def __init__(self, console: Console) -> None:
        """Nothing is drawn yet, and the terminal is as it was."""
        self._console = console
        self._live: Live | None = None

    def start(self) -> None:
        """Take the terminal's second screen."""
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
        """One column is one pixel, one row two."""
        rows = max(1, self._console.size.height - lines - 1)
        return min(self._console.size.width, MOST_COLUMNS), 2 * rows

    def draw(self, picture: ImageArray | None, lines: list[str]) -> None:
        """Rich writes it in one go."""
        if self._live is not None:
            self._live.update(_HalfBlocks(picture, lines), refresh=True)

    def clear(self) -> None:
        """Every draw fills the whole screen."""

    def stop(self) -> None:
        """The terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class _HalfBlocks:
    """A picture and lines of text; a rich renderable."""

    def __init__(self, picture: ImageArray | None, lines: list[str]) -> None:
        self._picture, self._lines = picture, lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._picture is not None:
            yield from half_blocks(self._picture)
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
