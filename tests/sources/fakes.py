"""Cameras that behave as badly as wanted, each step under the test's control."""

from __future__ import annotations

import queue
import threading
import time
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from shufflecam.sources.live.capture import Grabbed
from tests.helpers.clips import number_picture


class FakeCapture:
    """A `Capture` that gives what `feed` was called with; `BLOCK` waits until `release`."""

    BLOCK = object()

    def __init__(self, *items: Any, open_error: Exception | None = None, block_open: bool = False) -> None:
        self.size, self.fps = (96, 64), Fraction(30)
        self.pixel_aspect, self.notes = 1.0, ()
        self.items: queue.Queue[Any] = queue.Queue()
        self.feed(*items)
        self.open_error, self.block_open = open_error, block_open
        self.release = threading.Event()
        self.blocked = threading.Event()
        self.closed = threading.Event()
        self.grabs = 0
        self.asked = threading.Condition()
        """Notified when a grab begins, so when everything before it was taken over."""

    def feed(self, *items: Any) -> None:
        for item in items:
            self.items.put(item)

    def open(self) -> None:
        if self.block_open:
            self.release.wait()
        if self.open_error is not None:
            raise self.open_error

    def grab(self) -> Grabbed | None:
        with self.asked:
            self.grabs += 1
            self.asked.notify_all()
        item = self.items.get()
        if item is self.BLOCK:
            self.blocked.set()
            self.release.wait()
            return None
        if isinstance(item, Exception):
            raise item
        if isinstance(item, Grabbed):
            return item
        if isinstance(item, int):
            item = number_picture(item)
        return None if item is None else Grabbed(lambda: item, time.monotonic())

    def wait_for_grabs(self, count: int) -> None:
        """Until the reading thread has asked for its `count`-th frame."""
        with self.asked:
            assert self.asked.wait_for(lambda: self.grabs >= count, 20)

    def close(self) -> None:
        self.closed.set()

    def interrupt(self) -> None:
        pass


class FakeDevice:
    """What `cv2.VideoCapture` returns, for a camera with the given modes.

    `modes`: pixel format -> {(width, height): fps}.
    """

    def __init__(
        self,
        modes: dict[str, dict[tuple[int, int], float]],
        pictures: list[np.ndarray | None] | None = None,
        opens: bool = True,
    ) -> None:
        self.modes = {float(cv2.VideoWriter.fourcc(*name)): sizes for name, sizes in modes.items()}
        self.format = next(iter(self.modes))
        self.size = next(iter(self.modes[self.format]))
        self.pictures = pictures
        self.opens = opens
        self.released = False

    def __call__(self, *_: Any) -> FakeDevice:
        return self

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.opens

    def set(self, what: int, value: float) -> bool:
        if what == cv2.CAP_PROP_FOURCC and float(value) in self.modes:
            self.format = float(value)
            self.size = next(iter(self.modes[self.format]))
        elif what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            axis = 0 if what == cv2.CAP_PROP_FRAME_WIDTH else 1
            self.size = min(self.modes[self.format], key=lambda size: abs(size[axis] - value))
        return True

    def get(self, what: int) -> float:
        return {
            cv2.CAP_PROP_FOURCC: self.format,
            cv2.CAP_PROP_FRAME_WIDTH: self.size[0],
            cv2.CAP_PROP_FRAME_HEIGHT: self.size[1],
            cv2.CAP_PROP_FPS: self.modes[self.format][self.size],
        }[what]

    def read(self) -> tuple[bool, np.ndarray | None]:
        if self.pictures is None:
            return True, np.zeros((self.size[1], self.size[0], 3), np.uint8)
        picture = self.pictures.pop(0) if self.pictures else None
        return picture is not None, picture

    def release(self) -> None:
        self.released = True
