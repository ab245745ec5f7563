"""A saved record, read back: the input of everything that needs no model (opened by `open.read_record`).

Lines of a `type` that is not known are skipped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from shufflecam.core.errors import SourceError
from shufflecam.core.pixels import believable_aspect
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import Frame, FrameResult, Gap
from shufflecam.core.words import counted
from shufflecam.records.decode import to_poses, to_skeleton
from shufflecam.records.entries import ASK, Cut, entries, last_entry
from shufflecam.records.schema import Record

_LARGEST_SIDE = 1 << 20
_LARGEST_NUMBER = 1 << 53  # integers are exact up to here, in tables too
_PIXEL = np.zeros((1, 1, 3), np.uint8)

Notice = Callable[[str], None]


@dataclass(frozen=True)
class SavedRecord:
    """A record file whose header was read; the rest is read on demand."""

    path: Path
    header: Record
    skeleton: Skeleton
    """The K keypoints of each person in it."""
    size: tuple[int, int] | None
    """(width, height) of the pictures; None where each frame has its own."""
    pixel_aspect: float = 1.0
    """Width / height of one pixel; a frame may have its own."""

    @classmethod
    def from_header(cls, path: Path, header: Record) -> SavedRecord:
        """The record at `path`, whose first entry is `header`.

        Raises:
            SourceError: the header does not follow the schema.
        """
        source = header.get("source")
        if not isinstance(source, dict):
            raise SourceError(f"{path} does not say in its header what it was made from; {ASK}")
        size = _size([source.get("width"), source.get("height")])
        aspect = _pixel_aspect(path, source, 1.0)
        return cls(path, header, to_skeleton(header), size, aspect)

    def results(self, on_cut: Notice | None = None) -> Iterator[FrameResult]:
        """Yield every frame, in order, with a black picture of its size that takes no memory.

        Where neither header nor frame has a size, it is 1x1.

        Args:
            on_cut: takes a sentence on where the record ends too early, and how much of it was read.

        Raises:
            SourceError: the record does not follow the schema.
        """
        gap = None
        for entry in self._entries(on_cut):
            if entry.get("type") == "gap":
                gap = _gap(entry)
            elif entry.get("type") == "frame":
                yield self._result(entry, gap)
                gap = None

    def frames(self, on_cut: Notice | None = None) -> Iterator[Record]:
        """Yield every complete frame entry, in order, as stored."""
        return (entry for entry in self._entries(on_cut) if entry.get("type") == "frame")

    def footer(self) -> Record | None:
        """Return the footer, or None where the program was killed before it wrote one."""
        last = last_entry(self.path)
        if last is None:
            with contextlib.suppress(Cut):
                return next((entry for entry in entries(self.path) if entry.get("type") == "footer"), None)
        return last

    def _entries(self, on_cut: Notice | None) -> Iterator[Record]:
        frames, footer = 0, False
        try:
            for entry in entries(self.path):
                frames += entry.get("type") == "frame"
                footer = footer or entry.get("type") == "footer"
                yield entry
            if not footer and on_cut is not None:
                on_cut(f"{self.path} has no end: its program was killed; {_whole(frames)}")
        except Cut as cut:
            if on_cut is not None:
                on_cut(f"{self.path} breaks off{cut}; {_whole(frames)}")

    def _result(self, entry: Record, gap: Gap | None) -> FrameResult:
        index, time = entry.get("frame"), entry.get("time")
        if not isinstance(index, int) or not _is_number(index) or index < 0:
            raise SourceError(f"{self.path}: a frame has the number {index!r}; {ASK}")
        if not _is_number(time):
            raise SourceError(f"{self.path}: frame {index} has the time {time!r}; {ASK}")
        poses = to_poses(entry)
        expected = len(self.skeleton.keypoints)
        for pose in poses:
            if pose.track_id is not None and not _is_number(pose.track_id):
                raise SourceError(f"{self.path}: a person in frame {index} has the id {pose.track_id}; {ASK}")
            if len(pose.keypoints) != expected:
                raise SourceError(
                    f"{self.path}: a person in frame {index} has {len(pose.keypoints)} keypoints, but the "
                    f"header names {expected}; {ASK}"
                )
        width, height = _size(entry.get("size")) or self.size or (1, 1)
        file, latency = entry.get("file"), entry.get("latency")
        frame = Frame(
            np.broadcast_to(_PIXEL, (height, width, 3)),
            int(index),
            float(time),
            file=None if file is None else str(file),
            gap=gap,
            pixel_aspect=_pixel_aspect(self.path, entry, self.pixel_aspect),
        )
        return FrameResult(frame, poses, float(latency) if _is_number(latency) else None)


def _gap(entry: Record) -> Gap | None:
    begin, end = entry.get("from"), entry.get("to")
    if not (_is_number(begin) and _is_number(end)):
        return None
    return Gap(float(begin), float(end), str(entry.get("reason", "")))


def _size(sides: Any) -> tuple[int, int] | None:
    if not isinstance(sides, list) or len(sides) != 2:
        return None
    if all(isinstance(s, int) and not isinstance(s, bool) and 0 < s <= _LARGEST_SIDE for s in sides):
        return sides[0], sides[1]
    return None


def _pixel_aspect(path: Path, entry: Record, otherwise: float) -> float:
    """Return the pixels' aspect of a header's source or a frame; `otherwise` where it has none."""
    told = entry.get("pixel_aspect")
    if told is None:
        return otherwise
    aspect = believable_aspect(told) if _is_number(told) else None
    if aspect is None:
        raise SourceError(f"{path} says that its pixels are {told!r} times as wide as high; {ASK}")
    return aspect


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST_NUMBER


def _whole(frames: int) -> str:
    return f"its {counted(frames, 'whole frame')} {'was' if frames == 1 else 'were'} read"
