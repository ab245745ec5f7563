"""Deinterlace pictures for the networks, which are not trained on combing: one picture out per picture in."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Literal

import av

from shufflecam.core.errors import UsageError

Mode = Literal["auto", "on", "off"]
MODES: tuple[Mode, ...] = ("auto", "on", "off")

_LEAST_SIDE = 16
"""Smaller pictures are left unchanged: bwdif needs planes of 3x4 or more, and chroma is at most half size."""

_MOST_THREADS = 4


class Deinterlacer:
    """Deinterlaces pictures flagged as interlaced ("auto"), all pictures ("on") or none ("off").

    ffmpeg's bwdif interpolates the lines of the later field from adjacent lines and from the previous and
    next pictures. It starts with the first picture that needs it, so that progressive video only costs a
    check of a flag; from then on output is delayed by one picture, and progressive pictures pass through
    unchanged. The field order is taken from the decoder.
    """

    def __init__(self, mode: Mode = "auto") -> None:
        if mode not in MODES:
            raise UsageError(f"There is no way to deinterlace called {mode!r}; give auto, on or off.")
        self.mode = mode
        self.active = False
        """Whether the filter is in use, from the first picture that needs it."""

    def pictures(
        self, pictures: Iterable[tuple[av.VideoFrame, float]]
    ) -> Iterator[tuple[av.VideoFrame, float]]:
        """Yield (picture, seconds), deinterlaced as needed, each with its own timestamp."""
        if self.mode == "off":
            yield from pictures
            return
        always = self.mode == "on"
        filter_: _Bwdif | None = None
        for picture, seconds in pictures:
            if filter_ is None and not (always or picture.interlaced_frame):
                yield picture, seconds
                continue
            if filter_ is not None and not filter_.takes(picture):
                yield from filter_.finish()
                filter_ = None
            if filter_ is None:
                if min(picture.width, picture.height) < _LEAST_SIDE:
                    yield picture, seconds
                    continue
                filter_ = _Bwdif(picture, always)
                self.active = True
            yield from filter_.push(picture, seconds)
        if filter_ is not None:
            yield from filter_.finish()


class _Bwdif:
    """A bwdif filter graph for pictures of one size and format."""

    def __init__(self, first: av.VideoFrame, always: bool) -> None:
        self._shape = _shape(first)
        # Timestamps of the pictures inside the filter, which uses times of its own.
        self._waiting: deque[tuple[float, int | None, Fraction]] = deque()
        self._count = 0
        graph = av.filter.Graph()
        graph.threads = min(os.cpu_count() or 1, _MOST_THREADS)
        self._source = graph.add(
            "buffer",
            f"video_size={first.width}x{first.height}:pix_fmt={first.format.name}:time_base=1/1000:"
            f"pixel_aspect=1/1:colorspace={int(first.colorspace)}:range={int(first.color_range)}",
        )
        bwdif = graph.add("bwdif", f"mode=send_frame:parity=auto:deint={'all' if always else 'interlaced'}")
        self._sink = graph.add("buffersink")
        self._source.link_to(bwdif)
        bwdif.link_to(self._sink)
        graph.configure()
        self._graph = graph

    def takes(self, picture: av.VideoFrame) -> bool:
        """Return whether a picture has the same size and format as the first one."""
        return _shape(picture) == self._shape

    def push(self, picture: av.VideoFrame, seconds: float) -> Iterator[tuple[av.VideoFrame, float]]:
        self._waiting.append((seconds, picture.pts, picture.time_base))
        picture.pts, picture.time_base = self._count, Fraction(1, 1000)
        self._count += 1
        self._source.push(picture)
        yield from self._ready()

    def finish(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """Yield the remaining pictures."""
        self._source.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[tuple[av.VideoFrame, float]]:
        while True:
            try:
                picture: Any = self._sink.pull()
            except (BlockingIOError, EOFError):
                return
            seconds, picture.pts, picture.time_base = self._waiting.popleft()
            yield picture, seconds


def _shape(picture: av.VideoFrame) -> tuple[Any, ...]:
    return (
        picture.width,
        picture.height,
        picture.format.name,
        int(picture.colorspace),
        int(picture.color_range),
    )
