"""The long table of `csv.py` as Parquet, for pandas and similar libraries."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from shufflecam.core.angles import ANGLES
from shufflecam.core.errors import OutputError, UsageError
from shufflecam.core.files import check_writable
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.reasons import reason
from shufflecam.core.types import FrameResult
from shufflecam.records import schema as record
from shufflecam.records.csv import COLUMNS, SMOOTHED
from shufflecam.records.sink import WriterOptions

BATCH_ROWS = 17 * 500
"""Rows that are buffered before they are written."""


def open_writer(target: Path, options: WriterOptions) -> TableSink:
    """The writer, its target checked; see `records.formats`."""
    return TableSink(target, overwrite=options.overwrite)


class TableSink:
    """Writes the rows of `csv.CsvSink`, some thousands at a time.

    The columns always include `file` and `smoothed`, and the schema's metadata has `keypoints`: smoothed or
    raw.
    """

    def __init__(self, target: Path, *, overwrite: bool = False) -> None:
        """Check the target.

        Raises:
            UsageError: Parquet without pyarrow.
            OutputError: the target exists or cannot be written.
        """
        check_writable(target, overwrite)
        self._names: list[str] = []
        self._joints: list[str] | None = None
        self._writer: _Parquet | None = None
        _pyarrow()
        self._target = target

    def begin(self, header: record.Record) -> None:
        """Open the target. Raises OutputError."""
        self._names = list(header["skeleton"]["keypoints"])
        self._joints = record.angle_joints(header)
        angles = () if self._joints is None else ANGLES
        which = "smoothed" if header.get("smoothed") else "raw"
        self._writer = _Parquet(self._target, (*COLUMNS, "file", *angles, SMOOTHED), {"keypoints": which})

    def write(self, result: FrameResult) -> None:
        """Add the rows of one frame. Raises OutputError."""
        if self._writer is None:
            raise RuntimeError("begin() comes before write()")
        rows = list(self._rows(result))
        if rows:
            self._writer.add(rows)

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Complete the file."""
        if self._writer is not None:
            self._writer.close()

    def _rows(self, result: FrameResult) -> Iterator[tuple[Any, ...]]:
        entry = record.frame(result, self._joints)
        for person in entry["people"]:
            smoothed = "keypoints_smoothed" in person
            last = (result.frame.file, *person.get("angles", {}).values(), smoothed)
            for name, triple in zip(self._names, record.drawn_triples(person), strict=True):
                yield (entry["frame"], entry["time"], person["id"], name, *(triple or (None,) * 3), *last)


class _Parquet:
    def __init__(self, target: Path, columns: tuple[str, ...], said: dict[str, str]) -> None:
        arrow, parquet = _pyarrow()
        kinds = {
            "frame": arrow.int64(),
            "id": arrow.int64(),
            "keypoint": arrow.string(),
            "file": arrow.string(),
            SMOOTHED: arrow.bool_(),
        }
        self._arrow = arrow
        self._schema = arrow.schema([(name, kinds.get(name, arrow.float64())) for name in columns], said)
        self._rows: list[tuple[Any, ...]] = []
        self._target = target
        try:
            self._file = parquet.ParquetWriter(str(target), self._schema)
        except OSError as error:
            raise OutputError(f"Cannot write {target}: {reason(error)}.") from error

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
            raise OutputError(f"Cannot write {self._target}: {reason(error)}.") from error
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
