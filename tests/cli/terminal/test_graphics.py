"""Real pictures in a terminal: what is sent is read back, and a pseudo-terminal answers for itself."""

from __future__ import annotations

import base64
import io
import os
import re
import sys
import threading

import cv2
import numpy as np
import pytest
from rich.console import Console

from shufflecam.cli.terminal.blocks import BlocksCanvas
from shufflecam.cli.terminal.graphics import (
    GraphicsCanvas,
    ask_terminal,
    cell_size,
    kitty,
    open_canvas,
    sixel,
)
from shufflecam.cli.terminal.preview import PreviewViewer
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import ImageArray
from shufflecam.live.compose import Appearance
from shufflecam.live.hud import Figures
from shufflecam.live.state import LiveState
from tests.cli.terminal.test_preview import result, terminal

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")


def picture(size: tuple[int, int] = (50, 37)) -> ImageArray:
    """Four plain fields and a thin line."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, width // 2 :] = (0, 0, 255)
    image[height // 2 :, : width // 2] = (0, 255, 0)
    image[height // 2 :, width // 2 :] = (255, 255, 255)
    image[:, 3] = (255, 0, 0)
    return image


def read_sixel(text: str) -> ImageArray:
    """What a terminal would show of it, by DEC's description; (H, W, 3) BGR."""
    found = re.fullmatch(r'\x1bP0;1q"1;1;(\d+);(\d+)(.*)\x1b\\', text, re.DOTALL)
    assert found is not None
    width, height = int(found[1]), int(found[2])
    image = np.full((height, width, 3), 77, np.uint8)
    colors: dict[int, tuple[int, int, int]] = {}
    x, y, color = 0, 0, 0
    for token in re.finditer(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|(\$)|(-)", found[3]):
        if token[1]:
            color = int(token[1])
            if token[2]:
                red, green, blue = (round(int(token[i]) * 2.55) for i in (2, 3, 4))
                colors[color] = (blue, green, red)
        elif token[8]:
            x = 0
        elif token[9]:
            x, y = 0, y + 6
        else:
            count, sign = (int(token[5]), token[6]) if token[5] else (1, token[7])
            for bit in range(6):
                if (ord(sign) - 63) >> bit & 1:
                    assert y + bit < height
                    image[y + bit, x : x + count] = colors[color]
            x += count
    return image


def read_kitty(text: str) -> ImageArray:
    """The picture in its pieces, each of at most 4,096 characters, all but the last with m=1."""
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert pieces[0][0].startswith("a=T,f=100,")
    assert all(len(data) <= 4096 for _, data in pieces)
    assert [options[-1] for options, _ in pieces] == ["1"] * (len(pieces) - 1) + ["0"]
    png = base64.standard_b64decode("".join(data for _, data in pieces))
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("size", [(50, 37), (1, 1), (300, 6), (7, 13)])
def test_sixels_are_the_picture(size: tuple[int, int]) -> None:
    image = picture(size) if size != (1, 1) else np.full((1, 1, 3), 200, np.uint8)
    shown = read_sixel(sixel(image))
    assert np.abs(shown.astype(int) - image).max() <= 16  # plain colours, percents of them


def test_sixels_of_a_photo_are_near_it() -> None:
    ramp = np.linspace(0, 255, 120).astype(np.uint8)
    image = np.stack(
        [np.tile(ramp, (90, 1)), np.tile(ramp[:90, None], (1, 120)), np.full((90, 120), 90, np.uint8)], 2
    )
    shown = read_sixel(sixel(image))
    assert np.abs(shown.astype(int) - image).mean() < 16


def test_kittys_pieces_are_the_picture() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    for image in (picture(), noise):
        np.testing.assert_array_equal(read_kitty(kitty(image, 1)), image)


@pytest.mark.parametrize("graphics", ["kitty", "sixel"])
def test_a_run_is_drawn_and_the_terminal_is_given_back(graphics: str) -> None:
    console = terminal(60, 20)
    face = PreviewViewer(console, Appearance(COCO_17), open_canvas(console, graphics))
    face.show(np.zeros((0, 0, 3), np.uint8), result(), Figures(people=1), LiveState())
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    if graphics == "kitty":
        commands = re.findall(r"\x1b_G[^\x1b]*\x1b\\", drawn)
        shown = read_kitty("".join(commands[:-1]))
        # The last picture goes when the new one stands.
        assert "i=2" in commands[0]
        assert "a=d,d=I,i=1" in commands[-1]
    else:
        shown = read_sixel(re.findall(r"\x1bP.*?\x1b\\", drawn, re.DOTALL)[0])
    rows, columns = shown.shape[0] / 16, shown.shape[1] / 8  # cells of 8x16 where nothing tells
    assert rows <= 20 - 3
    assert columns <= 60
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 5  # a skeleton on grey
    assert "1 person" in drawn or "people" in drawn
    face.show(np.zeros((0, 0, 3), np.uint8), None, Figures(), LiveState(help=True))
    face.close()
    assert "\x1b[?1049l" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[?25h" in console.file.getvalue()  # type: ignore[attr-defined]


@unix_only
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"\x1b_Gi=31;OK\x1b\\\x1b[?62;c", "kitty"),
        (b"\x1b[?62;4;6c", "sixel"),
        (b"x\x1b[?62;14;6c", None),
        (b"", None),
    ],
)
def test_the_terminal_is_asked(answer: bytes, says: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    import pty
    import termios

    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)

    def terminal_answers() -> None:
        asked = b""
        while not asked.endswith(b"\x1b[c"):
            asked += os.read(master, 100)
        for i in range(len(answer)):  # a slow line
            os.write(master, answer[i : i + 1])

    thread = threading.Thread(target=terminal_answers, daemon=True)
    thread.start()
    with os.fdopen(os.dup(slave)) as inlet, os.fdopen(os.dup(slave), "w") as outlet:
        monkeypatch.setattr(sys, "stdin", inlet)
        console = Console(file=outlet, force_terminal=True)
        assert ask_terminal(console) == says
        canvas = open_canvas(console, "blocks")
        assert isinstance(canvas, BlocksCanvas)
    assert termios.tcgetattr(slave) == before
    thread.join(5)
    os.close(slave)
    os.close(master)


@unix_only
def test_the_size_of_a_cell() -> None:
    import fcntl
    import pty
    import struct
    import termios

    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as outlet:
        console = Console(file=outlet, force_terminal=True)
        assert cell_size(console) == (8, 16)
        fcntl.ioctl(outlet, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 80 * 11, 24 * 23))
        assert cell_size(console) == (11, 23)
        console.size = (80, 24)  # type: ignore[assignment]
        assert GraphicsCanvas(console, "sixel").room(2) == (880, 21 * 23 // 6 * 6)
    os.close(master)
    assert cell_size(Console(file=io.StringIO())) == (8, 16)


def test_nobody_to_ask() -> None:
    assert ask_terminal(terminal()) is None
