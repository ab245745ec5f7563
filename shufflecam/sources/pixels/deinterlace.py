"""Interlaced pictures made whole for the networks, which know no combs: one picture out for one in."""

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
"""Smaller pictures are left as they are: bwdif takes no plane under 3x4, and chroma is half or less."""

_MOST_THREADS = 4


class Deinterlacer:
    """Takes the combs out of pictures that are flagged as interlaced ("auto"), of all ("on") or none ("off").

    ffmpeg's bwdif makes the lines of the later field from those around and from the pictures before and
    after. It starts with the first picture that needs it, so that progressive video costs a look at a flag;
    from then on pictures come one later, and it lets progressive ones in between through untouched. Which
    field is on top is the decoder's word.
    """

    def __init__(self, mode: Mode = "auto") -> None:
        if mode not in MODES:
            raise UsageError(f"There is no way to deinterlace called {mode!r}; give auto, on or off.")
        self.mode = mode
        self.active = False
        """Whether pictures are made anew: from the first one on that needs it."""

    def pictures(
        self, pictures: Iterable[tuple[av.VideoFrame, float]]
    ) -> Iterator[tuple[av.VideoFrame, float]]:
        """(picture, seconds) as they come, each with its own time."""
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
    """The filter for pictures of one size and format."""

    def __init__(self, first: av.VideoFrame, always: bool) -> None:
        self._shape = _shape(first)
        # What came in and did not come out yet: the filter's own times are not the source's.
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
        """Whether it is of the same kind as the first one."""
        return _shape(picture) == self._shape

    def push(self, picture: av.VideoFrame, seconds: float) -> Iterator[tuple[av.VideoFrame, float]]:
        self._waiting.append((seconds, picture.pts, picture.time_base))
        picture.pts, picture.time_base = self._count, Fraction(1, 1000)
        self._count += 1
        self._source.push(picture)
        yield from self._ready()

    def finish(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """What it still holds."""
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
