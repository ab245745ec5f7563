"""The long table of `csv.py` with joint angles, and the same as Parquet for pandas and its like."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from shufflecam.angles import ANGLES, joint_angles
from shufflecam.core.errors import OutputError, UsageError
from shufflecam.core.types import FrameResult
from shufflecam.export import record
from shufflecam.export.csv import COLUMNS
from shufflecam.export.files import TextFile, check_writable

BATCH_ROWS = 17 * 500
"""Rows in memory before they are written."""


class TableSink:
    """Rows as `csv.CsvSink` has them, with a column for each of `angles.ANGLES` where wanted.

    An angle stands in every row of its person's frame. Written as CSV or Parquet by the target's ending.
    """

    def __init__(self, target: Path, *, angles: bool, overwrite: bool = False) -> None:
        """Check the target.

        Raises:
            UsageError: Parquet without pyarrow.
            OutputError: the target exists or cannot be written.
        """
        check_writable(target, overwrite)
        self._columns = (*COLUMNS, "file", *(ANGLES if angles else ()))
        self._angles = angles
        self._names: list[str] = []
        self._parquet = target.suffix.lower() == ".parquet"
        self._writer: _Parquet | _Csv | None = None
        if self._parquet:
            _pyarrow()
        self._target = target

    def begin(self, header: record.Record) -> None:
        """Open the target. Raises OutputError."""
        self._names = list(header["skeleton"]["keypoints"])
        make = _Parquet if self._parquet else _Csv
        self._writer = make(self._target, self._columns)

    def write(self, result: FrameResult) -> None:
        """The rows of one frame. Raises OutputError."""
        if self._writer is None:
            raise RuntimeError("begin() comes before write()")
        rows = list(self._rows(result))
        if rows:
            self._writer.add(rows)

    def close(self, *, complete: bool, dropped: int = 0) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()

    def _rows(self, result: FrameResult) -> Iterator[tuple[Any, ...]]:
        entry = record.frame(result)
        for person, pose in zip(entry["people"], result.poses, strict=True):
            last: tuple[Any, ...] = (result.frame.file,)
            if self._angles:
                found = joint_angles(pose.keypoints, self._names)
                last += tuple(round(v, 2) if math.isfinite(v) else None for v in found.values())
            for name, triple in zip(self._names, person["keypoints"], strict=True):
                yield (entry["frame"], entry["time"], person["id"], name, *(triple or (None,) * 3), *last)


class _Csv:
    def __init__(self, target: Path, columns: tuple[str, ...]) -> None:
        self._text = TextFile(target)
        self.add([columns])

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows(rows)
        self._text.append(lines.getvalue())

    def close(self) -> None:
        self._text.close()


class _Parquet:
    def __init__(self, target: Path, columns: tuple[str, ...]) -> None:
        arrow, parquet = _pyarrow()
        kinds = {
            "frame": arrow.int64(),
            "id": arrow.int64(),
            "keypoint": arrow.string(),
            "file": arrow.string(),
        }
        self._arrow = arrow
        self._schema = arrow.schema([(name, kinds.get(name, arrow.float64())) for name in columns])
        self._rows: list[tuple[Any, ...]] = []
        self._target = target
        try:
            self._file = parquet.ParquetWriter(str(target), self._schema)
        except OSError as error:
            raise OutputError(f"Cannot write {target}: {error}.") from error

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows += rows
        if len(self._rows) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        columns = [list(column) for column in zip(*self._rows, strict=True)]
        arrays = [self._arrow.array(c, t) for c, t in zip(columns, self._schema.types, strict=True)]
        try:
            self._file.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        except OSError as error:
            raise OutputError(f"Cannot write {self._target}: {error}.") from error
        self._rows = []

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._file.close()


def _pyarrow() -> tuple[Any, Any]:
    try:
        # By name: the package is optional, and has no types.
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow; pip install 'shufflecam[parquet]', or use --format csv."
        ) from None
    return arrow, parquet
