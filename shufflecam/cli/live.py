"""What a person sees of a live run: the window with its one line, or a status line in the terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import FloatArray, FrameResult, ImageArray, Pose
from shufflecam.render import Look, draw, draw_hud
from shufflecam.stats import Stats
from shufflecam.window import ESCAPE, LiveWindow

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

QUIT_KEYS = (ord("q"), ord("Q"), ESCAPE)
RATE_WINDOW_S = 2.0
STATUS_EVERY_S = 0.25


class Counter(Protocol):
    """The counts of a live source."""

    given: int
    dropped: int


@dataclass
class LiveFigures:
    """The numbers of the HUD line, from the run's statistics and the source's counts."""

    stats: Stats
    source: Counter
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._given: deque[tuple[float, int]] = deque()

    def line(self, result: FrameResult | None) -> str:
        """ASCII, because OpenCV draws nothing else: "latency 42 ms  camera 30 fps  poses 24 fps ..."."""
        latency = "-" if result is None or result.latency_s is None else f"{result.latency_s * 1000:.0f} ms"
        people = 0 if result is None else len(result.poses)
        return (
            f"latency {latency}  camera {self.camera_rate():.0f} fps"
            f"  poses {self.stats.rate('inference'):.0f} fps  people {people}  dropped {self.source.dropped}"
        )

    def camera_rate(self) -> float:
        """Frames that the camera gave a second, over the last two seconds."""
        now = self.clock()
        self._given.append((now, self.source.given))
        while len(self._given) > 2 and now - self._given[0][0] > RATE_WINDOW_S:
            self._given.popleft()
        (then, before), (_, after) = self._given[0], self._given[-1]
        return (after - before) / (now - then) if now > then else 0.0


class WindowView:
    """Shows each result in a window; a `core.protocols.Sink`. Main thread only."""

    def __init__(
        self, figures: LiveFigures, skeleton: Skeleton, look: Look, *, mirror: bool, drawn_already: bool
    ) -> None:
        """Nothing is opened yet.

        Args:
            figures: what the HUD says.
            skeleton: of the poses.
            look: how they are drawn.
            mirror: show the picture as a mirror would; the results stay as they are.
            drawn_already: another sink has drawn the poses into the frame's picture.
        """
        self._window = LiveWindow("shufflecam (q ends)")
        self._figures = figures
        self._skeleton, self._look = skeleton, look
        self._mirror, self._drawn_already = mirror, drawn_already
        self._quit = False

    @property
    def wants_end(self) -> bool:
        """Whether q or Esc was pressed or the window was closed."""
        return self._quit or self._window.closed

    def write(self, result: FrameResult) -> None:
        """Show it."""
        picture = result.frame.image
        if self._mirror:
            picture, poses = mirrored(picture, result.poses)
            draw(picture, poses, self._skeleton, self._look, in_place=True)
        elif not self._drawn_already:
            draw(picture, result.poses, self._skeleton, self._look, in_place=True)
        self._take_key(self._window.show(draw_hud(picture, self._figures.line(result), in_place=True)))

    def tick(self) -> None:
        """Keep the window alive while no frame comes."""
        self._take_key(self._window.poll())

    def close(self, *, complete: bool, dropped: int = 0) -> None:
        """Take the window away."""
        self._window.close()

    def _take_key(self, key: int | None) -> None:
        if key in QUIT_KEYS:
            self._quit = True


class StatusView:
    """A status line in the terminal, where there is no window; a `core.protocols.Sink`."""

    def __init__(
        self, figures: LiveFigures, console: Console, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._figures = figures
        self._clock = clock
        self._last: FrameResult | None = None
        self._next_s = 0.0
        self._status: Status | None = None
        if console.is_terminal:
            self._status = console.status("waiting for the first picture (Ctrl-C ends)")
            self._status.start()

    wants_end = False

    def write(self, result: FrameResult) -> None:
        """Say it, a few times a second."""
        self._last = replace(result, frame=replace(result.frame, image=_NO_PICTURE))
        self.tick()

    def tick(self) -> None:
        """Let the figures go on while no frame comes."""
        now = self._clock()
        if self._status is not None and now >= self._next_s:
            self._next_s = now + STATUS_EVERY_S
            self._status.update(f"{self._figures.line(self._last)}  (Ctrl-C ends)")

    def close(self, *, complete: bool, dropped: int = 0) -> None:
        """Take the line away."""
        if self._status is not None:
            self._status.stop()


_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)
"""Stands for a picture that nobody needs any more, so that its memory can go."""


def mirrored(image: ImageArray, poses: tuple[Pose, ...]) -> tuple[ImageArray, list[Pose]]:
    """The mirror image and the poses in it: left stays the person's left.

    Args:
        image: (H, W, 3) uint8 BGR; not changed.
        poses: in its pixels.
    """
    last = image.shape[1] - 1

    def turn(points: FloatArray) -> FloatArray:
        return np.stack([last - points[:, 0], points[:, 1]], axis=1)

    turned = []
    for pose in poses:
        x1, y1, x2, y2 = pose.box_xyxy
        turned.append(
            replace(
                pose,
                box_xyxy=np.array([last - x2, y1, last - x1, y2], np.float32),
                keypoints=turn(pose.keypoints),
                keypoints_smoothed=None if pose.keypoints_smoothed is None else turn(pose.keypoints_smoothed),
            )
        )
    return cv2.flip(image, 1), turned
