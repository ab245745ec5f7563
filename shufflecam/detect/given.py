"""Boxes from a file instead of a detector: `{"<key>": [[x1, y1, x2, y2], ...], ...}`.

A key is the picture's `file` as in the record, or its base name, in either Unicode normal form; for videos,
the frame number as a string. Boxes are used exactly as written and in order: no clipping, no suppression, no
threshold. Keys without a match are reported at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from shufflecam.core.errors import UsageError
from shufflecam.core.reasons import json_fault, reason
from shufflecam.core.text import parse_json, same_form
from shufflecam.core.types import Detections, FloatArray, Frame

EXAMPLE = '{"photo.jpg": [[x1, y1, x2, y2], ...]}'


class GivenBoxes:
    """Given boxes as a `core.protocols.PersonDetector`."""

    def __init__(self, boxes: Mapping[str, FloatArray], path: str) -> None:
        """Store validated boxes: `read` checks them.

        Args:
            boxes: key -> (N, 4) float32 xyxy, pixels of the upright picture.
            path: the file, for errors.
        """
        self._boxes = {same_form(key): value for key, value in boxes.items()}
        self._names = {same_form(key): key for key in boxes}
        self._path = path
        self._matched: set[str] = set()
        self._last = -1

    @classmethod
    def read(cls, path: Path) -> GivenBoxes:
        """Read a boxes file.

        Raises:
            UsageError: the file does not exist, has another format or an invalid box; names entry and index.
        """
        try:
            content = parse_json(Path(path).read_bytes(), object_pairs_hook=_unique)
        except OSError as error:
            raise UsageError(f"boxes file {path} cannot be read: {reason(error)}") from error
        except (ValueError, RecursionError) as error:  # also malformed JSON and malformed UTF-8
            raise UsageError(
                f"boxes file {path} is not JSON such as {EXAMPLE} ({json_fault(error)})"
            ) from error
        if not isinstance(content, dict):
            raise UsageError(f"boxes file {path} must be an object such as {EXAMPLE}")
        return cls({key: _boxes(path, key, value) for key, value in content.items()}, str(path))

    def detect(self, frame: Frame) -> Detections:
        """Return this frame's boxes unchanged, with scores NaN; none if it has no entry.

        Raises:
            UsageError: a box lies entirely outside the picture.
        """
        keys = [key for key in _keys(frame) if key in self._boxes]
        if frame.file is None:
            self._last = max(self._last, frame.index)
        if not keys:
            return Detections.empty()
        self._matched.update(keys)
        boxes = self._boxes[keys[0]]
        width, height = frame.size
        for index, (x1, y1, x2, y2) in enumerate(boxes):
            if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
                raise UsageError(
                    f"boxes file {self._path}, entry {self._names[keys[0]]!r}, box {index}: it lies wholly "
                    f"outside the picture of {width}x{height}"
                )
        return Detections(boxes.copy(), np.full(len(boxes), np.nan, np.float32))

    def unmatched(self, besides: Iterable[str] = (), *, whole: bool = True) -> tuple[str, ...]:
        """Return the keys that matched no picture or frame so far, in the file's order.

        Frame numbers that were skipped on purpose, between others, count as matched.

        Args:
            besides: names of pictures that were known but not processed: broken, or done earlier.
            whole: whether the source was read to its end; if not, numbers after the last frame count as
                matched too.
        """
        known = {key for file in besides for key in _keys_of(file)}
        return tuple(
            name
            for key, name in self._names.items()
            if key not in self._matched
            and key not in known
            and not (self._last >= 0 and self._left_out(key, whole))
        )

    def _left_out(self, key: str, whole: bool) -> bool:
        return key.isdecimal() and str(int(key)) == key and (not whole or int(key) <= self._last)

    def complaint(self, unmatched: Sequence[str]) -> str:
        """Return a sentence that reports unmatched keys."""
        some = ", ".join(repr(key) for key in unmatched[:3]) + (", ..." if len(unmatched) > 3 else "")
        what = "frame of this video (keys are their numbers)" if self._last >= 0 else "picture read"
        if len(unmatched) == 1:
            return f"boxes file {self._path}: the key {some} is of no {what}."
        return (
            f"boxes file {self._path}: {len(unmatched)} of its {len(self._names)} keys are of no {what}: "
            f"{some}."
        )


def _keys(frame: Frame) -> tuple[str, ...]:
    """Return the possible keys of this frame, the most exact first."""
    if frame.file is None:
        return (str(frame.index),)
    return _keys_of(frame.file)


def _keys_of(file: str) -> tuple[str, ...]:
    file = same_form(file)
    return file, PurePosixPath(file).name


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, rejecting duplicate names: the first of them would be lost silently."""
    seen: set[str] = set()
    for key, _ in pairs:
        if same_form(key) in seen:
            raise ValueError(f"entry {key!r} stands there twice")
        seen.add(same_form(key))
    return dict(pairs)


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
    # Numbers too large for float32, or sides too short: finite and positive as written, but not as float32.
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
