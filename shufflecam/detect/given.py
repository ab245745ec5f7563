"""Boxes from a file instead of a detector: `{"<key>": [[x1, y1, x2, y2], ...], ...}`.

A key is the picture's `file` as the record writes it, or its base name; for videos the frame's number as
a string. Boxes are used exactly as written and in their order: no clipping, no suppression, no threshold.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from shufflecam.core.errors import UsageError
from shufflecam.core.types import Detections, FloatArray, Frame

EXAMPLE = '{"photo.jpg": [[x1, y1, x2, y2], ...]}'


class GivenBoxes:
    """Boxes that somebody else found; a `core.protocols.PersonDetector`."""

    def __init__(self, boxes: Mapping[str, FloatArray], path: str) -> None:
        """Take boxes that are known to be sound: `read` checks them.

        Args:
            boxes: key -> (N, 4) float32 xyxy, pixels of the upright picture.
            path: the file, for errors.
        """
        self._boxes = boxes
        self._path = path

    @classmethod
    def read(cls, path: Path) -> GivenBoxes:
        """The boxes of a file.

        Raises:
            UsageError: no such file, not the format, or a box that cannot be meant; names entry and index.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8-sig"), object_pairs_hook=_unique)
        except OSError as error:
            raise UsageError(f"boxes file {path} cannot be read: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:  # also malformed JSON and malformed UTF-8
            raise UsageError(f"boxes file {path} is not JSON such as {EXAMPLE}: {error}") from error
        if not isinstance(content, dict):
            raise UsageError(f"boxes file {path} must be an object such as {EXAMPLE}")
        return cls({key: _boxes(path, key, value) for key, value in content.items()}, str(path))

    def detect(self, frame: Frame) -> Detections:
        """The boxes written for this frame, as they are, with scores NaN; none where it has no entry.

        Raises:
            UsageError: a box that lies wholly outside the picture.
        """
        key = next((key for key in _keys(frame) if key in self._boxes), None)
        if key is None:
            return Detections.empty()
        boxes = self._boxes[key]
        width, height = frame.size
        for index, (x1, y1, x2, y2) in enumerate(boxes):
            if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
                raise UsageError(
                    f"boxes file {self._path}, entry {key!r}, box {index}: it lies wholly outside the "
                    f"picture of {width}x{height}"
                )
        return Detections(boxes.copy(), np.full(len(boxes), np.nan, np.float32))


def _keys(frame: Frame) -> tuple[str, ...]:
    """What an entry for this frame may be called, the most exact first."""
    if frame.file is None:
        return (str(frame.index),)
    return frame.file, PurePosixPath(frame.file).name


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without names that stand twice: the first of them would be lost in silence."""
    content = dict(pairs)
    if len(content) != len(pairs):
        twice = next(key for i, (key, _) in enumerate(pairs) if key in dict(pairs[:i]))
        raise ValueError(f"entry {twice!r} stands there twice")
    return content


def _boxes(path: Path, key: str, value: Any) -> FloatArray:
    where = f"boxes file {path}, entry {key!r}"
    if not isinstance(value, list):
        raise UsageError(f"{where} must be a list of boxes [x1, y1, x2, y2]")
    for index, box in enumerate(value):
        if not isinstance(box, list) or len(box) != 4 or not all(_is_number(number) for number in box):
            raise UsageError(f"{where}, box {index}: must be four finite numbers [x1, y1, x2, y2]")
        if box[2] <= box[0] or box[3] <= box[1]:
            raise UsageError(f"{where}, box {index}: width and height must be above zero (x2 > x1, y2 > y1)")
    with np.errstate(over="ignore"):
        boxes = np.array(value, np.float32).reshape(-1, 4)
    # Numbers too large for float32, or sides too short for it: finite and positive as written, not as used.
    sizes = boxes[:, 2:] - boxes[:, :2]
    bad = ~(np.isfinite(sizes).all(axis=1) & (sizes > 0).all(axis=1))
    if bad.any():
        raise UsageError(f"{where}, box {int(bad.argmax())}: its numbers are beyond what pixels can mean")
    return boxes


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False
