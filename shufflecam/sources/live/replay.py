"""Play a video file as a live camera: at its own pace, dropping late pictures, optionally in a loop."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import av

from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.pixels import believable_aspect
from shufflecam.sources.live.capture import Grabbed
from shufflecam.sources.live.latest import LatestFrames
from shufflecam.sources.notes import picture_notes
from shufflecam.sources.pixels.deinterlace import Deinterlacer, Mode
from shufflecam.sources.pixels.upright import ToBgr
from shufflecam.sources.timing.pace import Pace
from shufflecam.sources.video.reader import VideoReader
from shufflecam.sources.video.source import open_file


class ReplayCapture:
    """A `Capture` over a video file. Its clock starts with the first `grab`.

    Pictures are converted only when consumed, so that a dropped one costs decoding only. A machine that
    cannot decode the file at its own pace plays it more slowly.
    """

    def __init__(
        self,
        path: str,
        loop: bool = False,
        size: tuple[int, int] | None = None,
        start_s: float | None = None,
        deinterlace: Mode = "auto",
    ) -> None:
        """Play from `start_s`, with the upright picture scaled to `size` regardless of its aspect ratio.

        The pixel aspect is adjusted so that the displayed picture is undistorted.
        """
        self._path, self._loop, self._target = path, loop, size
        self._start_s = start_s
        self._deinterlacer = Deinterlacer(deinterlace)
        self._reader: VideoReader | None = None
        self._stopped = threading.Event()
        self._pace = Pace(self._stopped)
        self._offset_s = 0.0
        self._first_s: float | None = None
        self._last_s = 0.0
        self.size = (0, 0)
        self.fps: Fraction | None = None
        self.pixel_aspect = 1.0
        self.notes: tuple[str, ...] = ()

    def open(self) -> None:
        """Open the file and decode its first picture, or raise `SourceError`."""
        self._start_over()
        first = next(self._pictures, None)
        if first is None:
            raise SourceError(f"{self._path} has no picture that can be decoded.")
        self._waiting: tuple[av.VideoFrame, float] | None = first
        assert self._reader is not None
        self._to_bgr = ToBgr(first[0], self._target, told=self._reader.color)
        self.size = self._to_bgr.size_of(first[0])
        self.fps = self._reader.rate
        self.pixel_aspect = self._aspect_of(first[0])
        self.notes = self._reader.shape.doubt(self._path) + picture_notes(
            self._path, self._deinterlacer, self._to_bgr
        )

    def grab(self) -> Grabbed | None:
        """Return the next picture when it is due; None at the end.

        Raises:
            SourceBrokeOff: the file is damaged (not with `loop`, which repeats the readable part).
        """
        item = self._waiting or next(self._pictures, None)
        self._waiting = None
        if item is None:
            if not self._loop:
                self._complain()
                return None
            self._offset_s += self._length()
            self._start_over()
            item = next(self._pictures, None)
            if item is None:
                return None
        picture, seconds = item
        if self._first_s is None:
            self._first_s = seconds
        self._last_s = seconds
        self._pace.wait(self._offset_s + seconds)
        to_bgr = self._to_bgr
        aspect = self._aspect_of(picture)
        return Grabbed(lambda: to_bgr(picture), time.monotonic(), pixel_aspect=aspect)

    @property
    def missing(self) -> Missing:
        """Return what is missing from the file; nothing with `loop`, which repeats the readable part."""
        return NOTHING_MISSING if self._loop or self._reader is None else self._reader.missing

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()

    @property
    def mended(self) -> str | None:
        """Return one sentence on the timestamps repaired so far; None if they were correct."""
        return self._reader.mended() if self._reader is not None else None

    def interrupt(self) -> None:
        """End a wait for a picture's due time."""
        self._stopped.set()

    def _aspect_of(self, picture: av.VideoFrame) -> float:
        """Return width / height of a pixel of the picture after rotation and scaling."""
        assert self._reader is not None
        turned = self._to_bgr.turned
        aspect = self._reader.shape.aspect(turned)
        if self._target is None:
            return aspect
        width, height = (picture.height, picture.width) if turned else (picture.width, picture.height)
        return believable_aspect(aspect * width * self._target[1] / (height * self._target[0])) or 1.0

    def _start_over(self) -> None:
        if self._reader is not None:
            self._reader.close()
        file = open_file(self._path)
        try:
            self._reader = VideoReader(file, self._path)
        except SourceError:
            file.close()
            raise
        from_s = float(self._reader.start) + self._start_s if self._start_s else -math.inf
        self._pictures: Iterator[tuple[av.VideoFrame, float]] = self._deinterlacer.pictures(
            self._reader.pictures_from(from_s)
        )

    def _length(self) -> float:
        """Return the duration from the first picture to the end of the last one, in seconds."""
        assert self._first_s is not None
        return self._last_s - self._first_s + float(1 / (self.fps or Fraction(25)))

    def _complain(self) -> None:
        assert self._reader is not None
        complaint = self._reader.complaint()
        if complaint is not None and not self._stopped.is_set():
            raise SourceBrokeOff(complaint)


class ReplaySource(LatestFrames):
    """A file as a live source, whose clock and counts start with the first step of `frames`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        loop: bool = False,
        size: tuple[int, int] | None = None,
        start_s: float | None = None,
        deinterlace: Mode = "auto",
    ) -> None:
        """Open `path` at `start_s`, scaled to `size` (width, height); `loop` repeats it indefinitely.

        `deinterlace`: see `Deinterlacer`.

        Raises:
            SourceError: the file cannot be read.
        """
        text = os.fspath(path)
        self._played = ReplayCapture(text, loop, size, start_s, deinterlace)
        super().__init__(self._played, text, "replay", eager=False)

    @property
    def mended(self) -> str | None:
        """Return one sentence on the timestamps repaired so far; None if they were correct."""
        return self._played.mended
