"""A real shufflecam process on real files, and the moment at which something happens to it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from tests.cli.conftest import cli_environment

SEED = int(os.environ.get("SHUFFLECAM_FAULT_SEED") or random.SystemRandom().randrange(10**6))
"""Of all moments; printed where a test fails."""

FPS = 30


def moments(name: str, count: int) -> list[float]:
    """`count` moments after the first record, in seconds, drawn anew in every run."""
    draw = random.Random(f"{SEED} {name}")
    return [round(draw.uniform(0.0, 1.5), 3) for _ in range(count)]


def write_video(path: Path, frames: int, size: tuple[int, int] = (64, 64), fps: int = FPS) -> Path:
    """An H.264 video whose frames are all different."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "ultrafast"}
        for number in range(frames):
            picture = np.full((size[1], size[0], 3), number % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode(None))
    return path


@dataclass
class Ended:
    """How a process ended."""

    code: int
    errors: str
    seconds: float
    """From the fault to the end."""


def _hear_signals() -> None:
    """A shell that starts the tests in the background lets them, and so their children, ignore Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Victim:
    """A running `python -m shufflecam ...`."""

    def __init__(self, arguments: list[object], home: Path, **extra: str) -> None:
        self._errors = (home / f"errors-{time.monotonic_ns()}.txt").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "shufflecam", *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            stdin=subprocess.DEVNULL,
            env=cli_environment(home, **extra),
            preexec_fn=_hear_signals,
        )

    def wait_for(self, path: Path, lines: int, timeout: float = 60.0) -> None:
        """Until a JSON Lines file has this many lines: it is in the middle of its work then."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"ended early, seed {SEED}: {self.errors()}")
            # Whether it can be written is tried with a file that goes again, before the real one comes.
            with suppress(FileNotFoundError):
                if path.read_bytes().count(b"\n") >= lines:
                    return
            time.sleep(0.01)
        self.process.kill()
        raise AssertionError(f"{path} did not grow, seed {SEED}: {self.errors()}")

    def send(self, number: signal.Signals, *, timeout: float = 30.0) -> Ended:
        """A signal, and the end that follows."""
        began = time.monotonic()
        self.process.send_signal(number)
        return self.end(timeout, began)

    def end(self, timeout: float = 60.0, began: float | None = None) -> Ended:
        """Wait for the end. Kills, and fails, after `timeout`."""
        began = time.monotonic() if began is None else began
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"hung, seed {SEED}: {self.errors()}") from None
        return Ended(code, self.errors(), time.monotonic() - began)

    def errors(self) -> str:
        """What it said on standard error so far."""
        self._errors.flush()
        return Path(self._errors.name).read_text(encoding="utf-8", errors="replace")


def whole_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The parsed lines of a JSON Lines file, and how many bytes of an unfinished last line follow them.

    Fails where any finished line does not parse.
    """
    data = path.read_bytes()
    whole, _, rest = data.rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines() if line], len(rest)


def readable_frames(path: Path) -> tuple[int, int]:
    """How many frames PyAV and OpenCV read of a video."""
    with av.open(str(path)) as container:
        by_av = sum(1 for _ in container.decode(video=0))
    capture = cv2.VideoCapture(str(path))
    by_cv = 0
    while capture.read()[0]:
        by_cv += 1
    capture.release()
    return by_av, by_cv
