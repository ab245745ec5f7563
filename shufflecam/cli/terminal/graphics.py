"""Real images in terminals that support them: kitty's graphics protocol, or sixel.

Sources: https://sw.kovidgoyal.net/kitty/graphics-protocol/ (how to query support, and the commands used
here), DEC's VT330/VT340 programmer reference, volume 2, chapter 14 (sixel), and xterm's ctlseqs (the
primary device attributes: 4 among them means sixel).
"""

from __future__ import annotations

import base64
import os
import re
import select
import struct
import sys
import time
from contextlib import suppress
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image
from rich.console import Console

from shufflecam.cli.terminal.blocks import BlocksCanvas, Canvas
from shufflecam.core.types import ImageArray

Graphics = Literal["kitty", "sixel"]

ANSWER_TIMEOUT_S = 0.5
"""A terminal answers immediately; over a slow connection within the round-trip time."""

MOST_PIXELS = (960, 720)
"""Maximum (width, height) of the preview: it is sent over SSH ten times a second."""

SIXEL_COLORS = 64
"""Palette size: bytes and time grow with it; skin and lines look right from about this many colours."""

_CELL = (8, 16)  # fallback if unknown: smaller than most, so that nothing ends up off screen
_CHUNK = 4096  # maximum chunk length in kitty's protocol
_KITTY_QUESTION = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
_KITTY_YES = b"\x1b_Gi=31;OK"
_ATTRIBUTES = re.compile(rb"\x1b\[\?([\d;]*)c")
_RUN = re.compile(rb"(.)\1{3,}", re.DOTALL)


def open_canvas(console: Console, wanted: str) -> Canvas:
    """Return the canvas that `--preview-as` selects; for "auto" the best one the terminal supports."""
    graphics = ask_terminal(console) if wanted == "auto" else wanted
    if graphics == "kitty":
        return GraphicsCanvas(console, "kitty")
    return GraphicsCanvas(console, "sixel") if graphics == "sixel" else BlocksCanvas(console)


def ask_terminal(console: Console) -> Graphics | None:
    """Return the graphics protocol that the terminal supports; None for neither, or without an answer.

    Queries support for kitty's protocol and then the device attributes, which every terminal reports: one
    without the former answers only the latter. Keys typed in the meantime are lost.
    """
    answer = _asked(console, _KITTY_QUESTION + "\x1b[c")
    if _KITTY_YES in answer:
        return "kitty"
    attributes = _ATTRIBUTES.search(answer)
    return "sixel" if attributes is not None and b"4" in attributes[1].split(b";") else None


def _asked(console: Console, question: str) -> bytes:
    """Return the terminal's reply up to its device attributes, or up to the timeout."""
    answer = b""
    try:
        import termios
        import tty

        if sys.stdin is None or not sys.stdin.isatty():
            return answer
        inlet = sys.stdin.fileno()
        before = termios.tcgetattr(inlet)
    except (ImportError, OSError, ValueError):  # not available on Windows
        return answer
    try:
        tty.setcbreak(inlet)
        console.file.write(question)
        console.file.flush()
        end = time.monotonic() + ANSWER_TIMEOUT_S
        while _ATTRIBUTES.search(answer) is None and (left := end - time.monotonic()) > 0:
            if select.select([inlet], [], [], left)[0]:
                piece = os.read(inlet, 1024)
                if not piece:
                    break
                answer += piece
    finally:
        termios.tcsetattr(inlet, termios.TCSANOW, before)
    return answer


def cell_size(console: Console) -> tuple[int, int]:
    """Return a character cell's (width, height) in pixels, as the terminal reports it or a fallback."""
    with suppress(ImportError, OSError, ValueError):
        import fcntl
        import termios

        told = fcntl.ioctl(console.file.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
        rows, columns, width, height = struct.unpack("HHHH", told)
        if rows and columns and width >= columns and height >= rows:
            return width // columns, height // rows
    return _CELL


class GraphicsCanvas:
    """Canvas that fills the terminal with one image and lines of text below it; see `blocks.Canvas`."""

    def __init__(self, console: Console, graphics: Graphics) -> None:
        """Create a canvas without touching the terminal."""
        self._console, self._graphics = console, graphics
        self._started = False
        self._number = 1

    def start(self) -> None:
        """Switch to the terminal's alternate screen."""
        if not self._started:
            self._console.set_alt_screen(True)
            self._console.show_cursor(False)
            self._started = True

    def room(self, lines: int) -> tuple[int, int]:
        """Return the (width, height) in pixels available to a picture above `lines` lines of text."""
        cell_w, cell_h = cell_size(self._console)
        width, height = self._console.size.width * cell_w, self._rows(lines) * cell_h
        # Sixels are sent six rows at a time: a partial band below the last row would scroll the screen.
        return max(1, min(width, MOST_PIXELS[0])), max(1, min(height, MOST_PIXELS[1]) // 6 * 6)

    def draw(self, picture: ImageArray | None, lines: list[str]) -> None:
        """Draw the picture, (H, W, 3) uint8 BGR, in the corner, and the lines at the bottom."""
        out = ["\x1b[H"]
        if picture is None:
            out.append("\x1b[2J")
            if self._graphics == "kitty":
                out.append("\x1b_Ga=d,d=A,q=2\x1b\\")
        elif self._graphics == "kitty":
            # The new image is sent before the previous one is deleted: replacing it in place would flicker.
            self._number = 3 - self._number
            out.append(kitty(picture, self._number) + f"\x1b_Ga=d,d=I,i={3 - self._number},q=2\x1b\\")
        else:
            out.append(sixel(picture))
        width, height = self._console.size
        for row, line in enumerate(lines[-height:], start=max(1, height - len(lines) + 1)):
            out.append(f"\x1b[{row};1H\x1b[K{line[:width]}")
        self._write("".join(out))

    def clear(self) -> None:
        """Clear the canvas after the terminal was resized."""
        if self._started:
            self._write("\x1b[2J" + ("\x1b_Ga=d,d=A,q=2\x1b\\" if self._graphics == "kitty" else ""))

    def stop(self) -> None:
        """Restore the terminal."""
        if self._started:
            self.clear()
            self._console.show_cursor(True)
            self._console.set_alt_screen(False)
            self._started = False

    def _rows(self, lines: int) -> int:
        return max(1, self._console.size.height - lines - 1)

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()


def kitty(picture: ImageArray, number: int) -> str:
    """Return the kitty command that draws a picture, (H, W, 3) uint8 BGR, at the cursor; its id is >= 1."""
    # PNG at its fastest level: a third of the raw bytes for one millisecond.
    png = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    data = base64.standard_b64encode(png.tobytes()).decode("ascii")
    pieces = [data[i : i + _CHUNK] for i in range(0, len(data), _CHUNK)]
    out = []
    for i, piece in enumerate(pieces):
        # C=1: the cursor does not move, nothing scrolls; q=2: no replies, which would arrive as key presses.
        first = f"a=T,f=100,i={number},p=1,C=1,q=2," if i == 0 else ""
        out.append(f"\x1b_G{first}m={int(i + 1 < len(pieces))};{piece}\x1b\\")
    return "".join(out)


def sixel(picture: ImageArray) -> str:
    """Return the sixel string that draws a picture, (H, W, 3) uint8 BGR, in a palette of `SIXEL_COLORS`."""
    height, width = picture.shape[:2]
    image = Image.fromarray(np.ascontiguousarray(picture[..., ::-1]))
    few = image.quantize(SIXEL_COLORS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    indices = np.asarray(few)
    palette: Any = few.getpalette()
    out = [f'\x1bP0;1q"1;1;{width};{height}'.encode()]
    for i in range(int(indices.max()) + 1):
        red, green, blue = (round(value / 2.55) for value in palette[3 * i : 3 * i + 3])
        out.append(b"#%d;2;%d;%d;%d" % (i, red, green, blue))
    out += [_band(indices[top : top + 6]) for top in range(0, height, 6)]
    return b"".join([*out, b"\x1b\\"]).decode("ascii")


def _band(indices: np.ndarray) -> bytes:
    """Encode up to six rows of palette indices: one line of sixels per colour, overlaid."""
    weights = (1 << np.arange(len(indices), dtype=np.uint8))[:, None]
    lines = []
    for color in np.flatnonzero(np.bincount(indices.ravel())):
        bits = ((indices == color) * weights).sum(axis=0, dtype=np.uint8) + np.uint8(63)
        line = _RUN.sub(lambda run: b"!%d%c" % (len(run[0]), run[1]), bits.tobytes().rstrip(b"?"))
        lines.append(b"#%d" % color + line)
    return b"$".join(lines) + b"-"
