"""Frame source for a video file or an encoded stream on standard input."""

from __future__ import annotations

import math
import os
import stat
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av

from shufflecam.core.errors import SourceBrokeOff, SourceError, UsageError
from shufflecam.core.missing import Missing
from shufflecam.core.pixels import believable_aspect
from shufflecam.core.reasons import reason
from shufflecam.core.types import Frame, SourceInfo
from shufflecam.sources.addresses import not_a_file
from shufflecam.sources.limits import MAX_PIXELS
from shufflecam.sources.notes import picture_notes
from shufflecam.sources.pixels.deinterlace import Deinterlacer, Mode
from shufflecam.sources.pixels.upright import ToBgr
from shufflecam.sources.video.reader import EPS_S, VideoReader
from shufflecam.sources.video.sound import FileSound, PipeSound
from shufflecam.sources.video.stdin import PipeReader, SecondReader, open_stdin
from shufflecam.sources.video.webp import WebpVideo, is_animated_webp

_FAR_START_S = 10.0
"""Start time beyond which the output starts at zero: recorded broadcasts may start hours after zero."""


class VideoSource:
    """Yields every picture of a video, upright, in order, with its container timestamp.

    The first picture is decoded on opening, so that unreadable files are detected at once. Damage in the
    middle is skipped: `frames` yields everything that can be decoded and raises `SourceBrokeOff` at the end.
    `frames` belongs to one thread; `close` may be called from any.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        start_s: float | None = None,
        end_s: float | None = None,
        *,
        step: int = 1,
        max_pixels: int = MAX_PIXELS,
        deinterlace: Mode = "auto",
    ) -> None:
        """Open `path` ("-": standard input) for the interval [`start_s`, `end_s`), in a player's time.

        With a `step` only every `step`-th picture is returned, under its own index. Pictures of more than
        `max_pixels` are rejected. `deinterlace` selects the pictures to deinterlace, see `Deinterlacer`.

        Raises:
            UsageError: the times, or `deinterlace`, are invalid.
            SourceError: the source is unreadable, or has no pictures in the interval.
        """
        self._path = os.fspath(path)
        _check_times(start_s, end_s)
        self._name = "standard input" if self._path == "-" else self._path
        file = open_stdin() if self._path == "-" else open_file(self._path, max_pixels)
        self._pipe = file if isinstance(file, PipeReader) else None
        self._webp = file if isinstance(file, WebpVideo) else None
        try:
            self._reader = VideoReader(file, self._name, sound=self._pipe is not None, max_pixels=max_pixels)
        except SourceError:
            file.close()
            raise
        self._busy = threading.Lock()
        self._closed = self._at_end = False
        self._released = False
        self._index = 0
        self._step = step
        try:
            self._from_s = float(self._reader.start) + (start_s or 0.0)
            self._until_s = float(self._reader.start) + end_s if end_s is not None else math.inf
            self._cut = start_s is not None and start_s > 0
            self._deinterlacer = Deinterlacer(deinterlace)
            self._reader.count.until_s = self._until_s - EPS_S
            self._pictures = self._deinterlacer.pictures(
                self._reader.pictures_from(self._from_s if self._cut else -math.inf)
            )
            first = self._first_picture(start_s)
        except BaseException:
            self._release()
            raise
        picture, self._first_s = first
        self._first: tuple[av.VideoFrame, float] | None = first
        self._to_bgr = ToBgr(picture, told=self._reader.color)
        self._doubt = self._reader.shape.doubt(self._name)
        expected = self._expected_frames(start_s, end_s)
        self._info = SourceInfo(
            path=self._path,
            kind="video",
            size=self._to_bgr.size_of(picture),
            fps=self._reader.rate,
            frames=None if expected is None else -(-expected // step),
            pixel_aspect=self._pixel_aspect(),
            notes=self._notes(),
        )
        self._hints = self._encoding_hints()

    @property
    def info(self) -> SourceInfo:
        """Return path, upright size, nominal rate, and the number of frames stated by the header."""
        return self._info

    @property
    def start_s(self) -> float:
        """Return the timestamp that a player displays as 0:00, the origin of --start and --end."""
        return float(self._reader.start)

    @property
    def missing(self) -> Missing:
        """Return what is missing from the video so far; final after `frames`."""
        return self._reader.missing

    @property
    def origin_s(self) -> float:
        """Return the timestamp that becomes 0 in a derived video: the cut's start, else 0 where sensible."""
        if self._cut:
            return self._from_s
        # The header may not reflect leading pictures whose timestamps were extrapolated backwards.
        start = min(float(self._reader.start), self._first_s)
        return start if start < 0 or start > _FAR_START_S else 0.0

    def encoding_hints(self) -> dict[str, Any]:
        """Return the properties to preserve in a derived video, as keyword arguments of `VideoWriter`."""
        return dict(self._hints)

    def late_notes(self) -> tuple[str, ...]:
        """Return further notes, as in `SourceInfo.notes`, that were not yet known on opening."""
        return tuple(note for note in self._notes() if note not in self._info.notes)

    def _notes(self) -> tuple[str, ...]:
        return self._doubt + picture_notes(self._name, self._deinterlacer, self._to_bgr)

    def _encoding_hints(self) -> dict[str, Any]:
        stream = self._reader.stream
        aspect = self._reader.shape.told(self._to_bgr.turned)
        return {
            "size": self._info.size,
            "rate": None if self._info.fps is None else self._info.fps / self._step,
            "time_base": Fraction(stream.time_base),
            "color": self._to_bgr.color,
            "sample_aspect": aspect if believable_aspect(aspect) is not None else None,
            "origin_s": self.origin_s,
            "end_s": None if math.isinf(self._until_s) else self._until_s,
        }

    def open_sound(self) -> FileSound | PipeSound | None:
        """Return the audio packets from the cut's start on; None without audio. The caller closes it."""
        if self._reader.sound_stream is None:
            return None
        if self._pipe is not None:
            return PipeSound(self._reader)
        if self._path == "-":
            file: BinaryIO = SecondReader(self._reader.file.fileno())  # type: ignore[assignment]
        else:
            file = open_file(self._path)
        return FileSound(file, self._name, self._from_s if self._cut else -math.inf, self._reader)

    @property
    def mended(self) -> str | None:
        """Return one sentence on the timestamps repaired so far; None if they were correct."""
        return self._reader.mended()

    def frames(self) -> Iterator[Frame]:
        """Yield every frame once, in order.

        Raises:
            SourceBrokeOff: after the last frame, if the file is truncated or damaged.
        """
        while True:
            with self._busy:
                if self._closed:
                    self._release()
                    return
                frame = self._next_frame()
                if frame is None:
                    complaint = self._complaint() if not self._closed or self._at_end else None
                    self._release()
                    if complaint:
                        raise SourceBrokeOff(complaint)
                    return
            yield frame

    def close(self) -> None:
        """Close the file; a `frames` running in another thread ends after its current picture."""
        self._closed = True
        if self._pipe is not None:
            self._pipe.stop()
        # A decoder must not be closed while another thread is using it: that thread closes it then.
        if self._busy.acquire(blocking=False):
            try:
                self._release()
            finally:
                self._busy.release()

    def _release(self) -> None:
        if not self._released:
            self._released = True
            self._reader.close()

    def _next_frame(self) -> Frame | None:
        while not self._closed:
            item = self._first if self._first is not None else next(self._pictures, None)
            self._first = None
            if item is None or item[1] >= self._until_s - EPS_S:
                if item is not None:
                    self._closed = self._at_end = True  # the cut's end: whatever follows is irrelevant
                    self._reader.cut_off()
                return None
            index, self._index = self._index, self._index + 1
            if index % self._step == 0:
                return Frame(
                    image=self._to_bgr(item[0]),
                    index=index,
                    timestamp_s=item[1],
                    pixel_aspect=self._pixel_aspect(),
                )
        return None

    def _pixel_aspect(self) -> float:
        """Return the pixel aspect of the last decoded picture, upright."""
        return self._reader.shape.aspect(self._to_bgr.turned)

    def _complaint(self) -> str | None:
        own = self._webp.complaint() if self._webp is not None and not self._at_end else None
        return own or self._reader.complaint()

    def _first_picture(self, start_s: float | None) -> tuple[av.VideoFrame, float]:
        first = next(self._pictures, None)
        if first is not None and first[1] < self._until_s - EPS_S:
            return first
        length = self._reader.duration
        if self._cut and length is not None:
            raise SourceError(
                f"{self._name} has no picture from {start_s:g} s on: it lasts {float(length):.2f} s; "
                "give an earlier --start."
            )
        raise SourceError(
            f"{self._name} has no picture that can be decoded here: it is damaged, or of a kind that is not "
            "known; if it plays elsewhere, convert it to H.264 in an .mp4, else copy or record it again."
        )

    def _expected_frames(self, start_s: float | None, end_s: float | None) -> int | None:
        stream, length, rate = self._reader.stream, self._reader.duration, self._reader.rate
        if start_s is None and end_s is None and stream.frames:
            return int(stream.frames)
        if length is None or rate is None:
            return None
        if self._reader.is_longer_than_it_can_be() or (self._cut and not self._reader.sought):
            return None  # a clock in need of repair, whose end the header cannot state
        seconds = min(float(length), end_s if end_s is not None else math.inf) - (start_s or 0.0)
        return max(1, round(seconds * float(rate)))


def open_video(
    path: str | os.PathLike[str],
    start_s: float | None = None,
    end_s: float | None = None,
    *,
    step: int = 1,
    max_pixels: int = MAX_PIXELS,
    deinterlace: Mode = "auto",
) -> VideoSource:
    """Open a video file ("-" for standard input) as a `FrameSource`; see `VideoSource`."""
    return VideoSource(path, start_s, end_s, step=step, max_pixels=max_pixels, deinterlace=deinterlace)


def open_file(path: str, max_pixels: int = MAX_PIXELS) -> BinaryIO:
    """Open the file at `path`, unbuffered, or raise a `SourceError` that describes what is there instead.

    An animated WebP is wrapped in a readable container.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(
                f"{path} is a folder, not a video; for its videos give --out a folder too, for pictures use "
                "`shufflecam images`."
            )
        if stat.S_ISCHR(mode):
            raise SourceError(
                f"{path} is a device, not a video; for a camera use `shufflecam webcam {path}`."
            )
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by its reader
        if stat.S_ISREG(mode) and is_animated_webp(file):
            return WebpVideo(file, path, max_pixels)  # type: ignore[return-value]
        return file
    except FileNotFoundError:
        raise not_a_file(path) from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be opened: {reason(error)}.") from error


def _check_times(start_s: float | None, end_s: float | None) -> None:
    for name, value in (("--start", start_s), ("--end", end_s)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(f"{name} {value} is not a time; give seconds from the beginning, such as 12.5.")
    if end_s is not None and end_s <= (start_s or 0.0):
        raise UsageError(f"--end {end_s:g} is not after --start {start_s or 0:g}; give a later --end.")
