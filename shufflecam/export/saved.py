"""A saved record as results again, for everything that works without a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from shufflecam.core.errors import SourceError
from shufflecam.core.types import Frame, FrameResult
from shufflecam.export import record
from shufflecam.export.json import SavedRecord

_PIXEL = np.zeros((1, 1, 3), np.uint8)


def results(saved: SavedRecord) -> Iterator[FrameResult]:
    """Every frame of a record, in order, with an empty picture of the right size where that is known.

    Raises:
        SourceError: the record does not follow the schema.
    """
    whole = _size(saved.header.get("source"), "width", "height")
    for entry in saved.frames():
        yield result(entry, whole)


def result(entry: record.Record, size: tuple[int, int]) -> FrameResult:
    """One frame's record -> its result.

    Args:
        entry: the record's line.
        size: (width, height) of the picture where the line does not say it.
    """
    sides = entry.get("size")
    if isinstance(sides, list) and len(sides) == 2 and all(_is_side(side) for side in sides):
        size = (int(sides[0]), int(sides[1]))
    time, index = entry.get("time"), entry.get("frame")
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise SourceError(f"A frame of the record has the number {index!r}; was it written by shufflecam?")
    if not isinstance(time, int | float) or isinstance(time, bool):
        raise SourceError(f"Frame {index} of the record has the time {time!r}; was it written by shufflecam?")
    # A view of one pixel: any size costs nothing.
    image = np.broadcast_to(_PIXEL, (size[1], size[0], 3))
    file = entry.get("file")
    frame = Frame(image, index, float(time), file=None if file is None else str(file))
    return FrameResult(frame, record.to_poses(entry))


def _size(source: Any, width: str, height: str) -> tuple[int, int]:
    if isinstance(source, dict) and _is_side(source.get(width)) and _is_side(source.get(height)):
        return int(source[width]), int(source[height])
    return (1, 1)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 1 << 20
