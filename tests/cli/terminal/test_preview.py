"""The picture in a terminal, from the colours of its cells to a real pseudo-terminal."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from shufflecam.cli.terminal.blocks import half_blocks
from shufflecam.cli.terminal.preview import PreviewViewer, check_terminal, fitted
from shufflecam.core.errors import UsageError
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import Frame, FrameResult
from shufflecam.live.compose import Appearance
from shufflecam.live.hud import Figures
from shufflecam.live.state import LiveState
from tests.cli.conftest import cli_environment
from tests.helpers.people import figure, pose_of

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")


def terminal(width: int = 60, height: int = 20, **options: object) -> Console:
    settings = {"force_terminal": True, "color_system": "truecolor", "legacy_windows": False, **options}
    return Console(file=io.StringIO(), width=width, height=height, **settings)  # type: ignore[arg-type]


def result(size: tuple[int, int] = (640, 480), shade: int = 60) -> FrameResult:
    image = np.full((size[1], size[0], 3), shade, np.uint8)
    pose = pose_of(figure(size[0] / 2, size[1] * 0.9, size[1] * 0.8), track_id=1)
    return FrameResult(Frame(image, 0, 0.0), (pose,), 0.03)


def test_two_pixels_a_cell_and_one_segment_a_colour() -> None:
    picture = np.zeros((4, 3, 3), np.uint8)
    picture[0, 0] = (0, 0, 255)
    picture[1, 0] = (255, 0, 0)
    first, rest, end, whole, _ = half_blocks(picture)
    assert first.text == "▀"
    assert first.style is not None
    assert first.style.color is not None
    assert first.style.bgcolor is not None
    red, blue = first.style.color.get_truecolor(), first.style.bgcolor.get_truecolor()
    assert red.red > 240 > 10 > red.blue
    assert blue.blue > 240 > 10 > blue.red
    assert rest.text == "▀▀"
    assert end.text == "\n"
    assert whole.text == "▀▀▀"
    assert len(half_blocks(picture[:3])) == 5  # an odd row is doubled


@pytest.mark.parametrize(("room", "size"), [((80, 40), (53, 40)), ((30, 400), (30, 22)), ((1, 1), (1, 1))])
def test_the_picture_fits_and_its_people_with_it(room: tuple[int, int], size: tuple[int, int]) -> None:
    small = fitted(result(), room)
    assert small.frame.size == size
    before, after = result().poses[0].keypoints, small.poses[0].keypoints
    np.testing.assert_allclose((after + 0.5) / (before + 0.5), np.full((17, 2), size) / (640, 480), rtol=1e-4)


def test_the_terminal_shows_square_pixels() -> None:
    wide = result()
    small = fitted(replace(wide, frame=replace(wide.frame, pixel_aspect=2.0)), (80, 40))
    assert small.frame.size == (80, 30)
    assert small.frame.pixel_aspect == 1.0
    before, after = wide.poses[0].keypoints, small.poses[0].keypoints
    np.testing.assert_allclose(
        (after + 0.5) / (before + 0.5), np.full((17, 2), (80, 30)) / (640, 480), rtol=1e-4
    )


def test_it_draws_within_the_terminal_whatever_its_size() -> None:
    for width, height in ((60, 20), (20, 8), (200, 60), (5, 3), (60, 20)):
        console = terminal(width, height)
        face = PreviewViewer(console, Appearance(COCO_17))
        face.show(np.zeros((0, 0, 3), np.uint8), result(), Figures(people=1), LiveState())
        drawn = console.file.getvalue()  # type: ignore[attr-defined]
        face.close()
        lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn).split("\n")
        assert len(lines) <= height
        assert all(len(line) <= width for line in lines)
        assert "▀" in drawn or height == 3
        assert "\x1b[?1049l" in console.file.getvalue()  # type: ignore[attr-defined]


def test_it_is_drawn_now_and_then_and_says_things_at_the_end() -> None:
    now = [0.0]
    console = terminal()
    face = PreviewViewer(console, Appearance(COCO_17), clock=lambda: now[0])

    def shown(shade: int) -> bool:
        before = len(console.file.getvalue())  # type: ignore[attr-defined]
        face.show(np.zeros((0, 0, 3), np.uint8), result(shade=shade), Figures(), LiveState())
        return len(console.file.getvalue()) > before  # type: ignore[attr-defined]

    assert shown(10)
    now[0] = 0.05
    assert not shown(50)
    now[0] = 0.11
    assert shown(90)
    face.say("saved x.png")
    face.close()
    assert console.file.getvalue().endswith("saved x.png\n")  # type: ignore[attr-defined]
    face.close()


def test_help_instead_of_the_picture() -> None:
    console = terminal(80, 30)
    face = PreviewViewer(console, Appearance(COCO_17))
    face.show(np.zeros((0, 0, 3), np.uint8), result(), Figures(), LiveState(help=True))
    face.close()
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "this help" in shown
    assert "full screen" not in shown, "a terminal has its own key for that"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"force_terminal": False}, "standard error is none"),
        ({"color_system": None}, "needs colours"),
        ({"no_color": True}, "needs colours"),
    ],
)
def test_where_nothing_can_be_drawn(options: dict, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check_terminal(terminal(**options), data_on_stdout=False)


def test_without_a_terminal_the_command_says_so(run_cli, clip: Path) -> None:
    done = run_cli("webcam", "--replay", clip, "--preview")
    assert done.returncode == 2
    assert "--preview draws in a terminal" in done.stderr


@unix_only
def test_in_a_real_terminal_that_is_resized(pose_weights: Path, clip: Path, tmp_path: Path) -> None:
    import fcntl
    import pty
    import termios

    master, slave = pty.openpty()

    def resize(columns: int, rows: int) -> None:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    resize(60, 60)
    before = termios.tcgetattr(slave)
    # Some terminals say their first size in the environment, and it stays there.
    environment = cli_environment(
        tmp_path, TERM="xterm-256color", COLORTERM="truecolor", COLUMNS="60", LINES="60"
    )
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "shufflecam", "webcam", "--replay", str(clip), "--loop", "--preview",
         "--weights", str(pose_weights), "--detector", "none", "--json", str(tmp_path / "poses.jsonl")],
        stdin=slave, stdout=slave, stderr=slave, env=environment,
    )  # fmt: skip

    def read_until(*found: str) -> str:
        """What is drawn until all of these have come, one after the other; without colours."""
        raw, drawn, at = b"", "", 0
        for text in found:
            while (place := drawn.find(text, at)) < 0:
                raw += os.read(master, 1 << 16)
                drawn = re.sub("\x1b\\[[0-9;]*m", "", raw.decode(errors="ignore"))
            at = place + len(text)
        return drawn

    try:
        assert "▀" * 31 in read_until("▀", "people", "▀", "people")
        resize(30, 60)
        # Help on and off again: whatever is drawn then is drawn in the new size.
        os.write(master, b"h")
        read_until("quit")
        os.write(master, b"h")
        narrow = read_until("▀", "latency", "▀", "latency")
        assert "▀" * 10 in narrow
        assert "▀" * 31 not in narrow
        os.write(master, b"\x1b[A")  # an arrow is no Esc
        os.write(master, b"q")
        end = read_until("frames at")
        assert "\x1b[?1049l" in end
        assert process.wait(60) == 0
        assert termios.tcgetattr(slave) == before
    finally:
        process.kill()
        process.wait(10)
        os.close(slave)
        os.close(master)
