"""COCO keypoint results: the flat array that pycocotools' `loadRes` takes, written as it goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TextIO

from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.types import Frame, FrameResult, Pose
from shufflecam.export import record
from shufflecam.export.files import TextFile, check_writable
from shufflecam.export.json import dumps

PERSON_CATEGORY = 1


class CocoSink:
    """`[{"image_id", "category_id", "keypoints", "score"}, ...]`, one person a line.

    The keypoints are the raw ones, x, y, score for each; a missing one is 0, 0, 0, as COCO writes it.
    """

    def __init__(
        self,
        target: Path | TextIO,
        *,
        overwrite: bool = False,
        image_ids: Mapping[str, int] | None = None,
        lines: bool = False,
    ) -> None:
        """Check the target.

        Args:
            target: a file, or a text stream (standard output).
            overwrite: whether the file may exist already.
            image_ids: file name -> image_id of an annotation file; see `image_id`.
            lines: JSON Lines, one result a line, in place of the array.
        """
        if isinstance(target, Path):
            check_writable(target, overwrite)
        self._target = target
        self._image_ids = image_ids
        self._lines = lines
        self._text: TextFile | None = None
        self._people = 0

    def begin(self, header: record.Record) -> None:
        """Open the target. COCO results have no header; the parameter is every sink's."""
        self._text = TextFile(self._target)
        if not self._lines:
            self._text.append("[", "\n]\n")

    def write(self, result: FrameResult) -> None:
        """The people of one frame. Raises OutputError, or BrokenPipeError on standard output."""
        if self._text is None:
            raise RuntimeError("begin() comes before write()")
        number = image_id(result.frame, self._image_ids)
        entries = [dumps(_entry(number, pose)) for pose in result.poses]
        if not entries:
            return
        if self._lines:
            self._text.append("".join(entry + "\n" for entry in entries))
        else:
            self._text.append(("," if self._people else "") + "\n" + ",\n".join(entries), "\n]\n")
        self._people += len(entries)

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """End the array. The format has no place for `complete` and `dropped`."""
        if self._text is not None:
            self._text.close("" if self._lines else "\n]\n")


def image_id(frame: Frame, image_ids: Mapping[str, int] | None = None) -> int:
    """The picture's number.

    From the annotations where they name the file (by its relative path or its base name), else the last
    number in the file's name (`COCO_val2014_000000000042.jpg` -> 42), else, as for videos, the frame's index.
    """
    if frame.file is None:
        return int(frame.index)
    name = PurePosixPath(frame.file)
    for key in (frame.file, name.name):
        if image_ids is not None and key in image_ids:
            return int(image_ids[key])
    numbers = re.findall(r"[0-9]+", name.stem)
    return int(numbers[-1]) if numbers else int(frame.index)


def _entry(number: int, pose: Pose) -> record.Record:
    person = record.person(pose)
    keypoints = [value or 0.0 for triple in person["keypoints"] for value in (triple or (0.0, 0.0, 0.0))]
    return {
        "image_id": number,
        "category_id": PERSON_CATEGORY,
        "keypoints": keypoints,
        "score": person["score"] or 0.0,
    }
