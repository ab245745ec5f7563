"""The record as a long table, `frame,time,id,keypoint,x,y,score`: one row per keypoint, person and frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from shufflecam.core.angles import ANGLES
from shufflecam.core.files import TextFile, check_writable
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.types import FrameResult
from shufflecam.records import schema as record
from shufflecam.records.sink import WriterOptions

COLUMNS = ("frame", "time", "id", "keypoint", "x", "y", "score")
SMOOTHED = "smoothed"
"""The last column of records with smoothed keypoints: whether the row's keypoint is smoothed."""


def open_writer(target: Path | TextIO, options: WriterOptions) -> CsvSink:
    """The writer, its target checked; see `records.formats`."""
    return CsvSink(target, overwrite=options.overwrite)


class CsvSink:
    """Writes CSV as in RFC 4180, except that lines end in a line feed alone, as in all files here.

    A missing keypoint has a row with x, y and score empty; without tracking the id is empty. The keypoints
    are those that are drawn: the smoothed ones where the record has them, and then a last column, `smoothed`,
    is true or false. Records of pictures have an eighth column, `file`. Where the record's header promises
    joint angles, each has a column after these, with the same value in all rows of a person.
    """

    def __init__(self, target: Path | TextIO, *, overwrite: bool = False) -> None:
        if isinstance(target, Path):
            check_writable(target, overwrite)
        self._target = target
        self._text: TextFile | None = None
        self._names: list[str] = []
        self._joints: list[str] | None = None
        self._pictures = self._smoothed = False

    def begin(self, header: record.Record) -> None:
        """Open the target and write the column names."""
        self._names = header["skeleton"]["keypoints"]
        self._pictures = header["source"]["kind"] == "images"
        self._text = TextFile(self._target)
        self._joints = record.angle_joints(header)
        angles = () if self._joints is None else ANGLES
        self._smoothed = bool(header.get("smoothed"))
        file = ("file",) if self._pictures else ()
        smoothed = (SMOOTHED,) if self._smoothed else ()
        self._text.append(_lines([(*COLUMNS, *file, *angles, *smoothed)]))

    def write(self, result: FrameResult) -> None:
        """Write the rows of one frame; none without people. Raises OutputError, BrokenPipeError."""
        if self._text is None:
            raise RuntimeError("begin() comes before write()")
        rows = []
        entry = record.frame(result, self._joints)
        last = (result.frame.file or "",) if self._pictures else ()
        for person in entry["people"]:
            more = (*last, *person.get("angles", {}).values())
            if self._smoothed:
                more += (str("keypoints_smoothed" in person).lower(),)
            for name, triple in zip(self._names, record.drawn_triples(person), strict=True):
                values = triple or (None, None, None)
                rows.append((entry["frame"], entry["time"], person["id"], name, *values, *more))
        if rows:
            self._text.append(_lines(rows))

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Close the file. The format has no place for `complete` and `dropped`."""
        if self._text is not None:
            self._text.close()


def _lines(rows: Iterable[tuple[Any, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
