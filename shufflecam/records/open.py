"""Which writer a `--json` value and a `--format` mean, and whether they can be meant at all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Protocol, TextIO

from shufflecam.core.errors import UsageError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.types import FrameResult
from shufflecam.records.coco import CocoSink
from shufflecam.records.csv import CsvSink
from shufflecam.records.image_ids import ImageIds
from shufflecam.records.json import EarlierLines, JsonDocumentSink, JsonLinesSink
from shufflecam.records.openpose import OpenPoseSink
from shufflecam.records.schema import Record

FORMATS = ("shufflecam", "coco", "openpose", "csv")
STDOUT = "-"


class RecordSink(Protocol):
    """A `core.protocols.Sink` for records: it also takes the header, before the first result.

    Making one checks its target and leaves no trace there; `begin` opens it. So outputs are checked
    before weights are looked at, and weights that are wrong leave no empty file behind.
    """

    def begin(self, header: Record) -> None:
        """Open the target and write what comes first. Once, before the first `write`."""
        ...

    def write(self, result: FrameResult) -> None:
        """Take one result; it is in the hands of the system when this returns."""
        ...

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Finish. Does nothing when `begin` was never called."""
        ...


def check_record_target(target: str, format: str = "shufflecam") -> None:
    """Whether `--json target --format format` can be meant. Writes nothing.

    Raises:
        UsageError: an unknown format, or a target whose ending does not fit it.
    """
    if format not in FORMATS:
        raise UsageError(f"There is no format {format!r}; choose one of {', '.join(FORMATS)}.")
    if format == "openpose":
        if target == STDOUT:
            raise UsageError(
                "OpenPose's format is a folder of files; give --json a folder, not standard output."
            )
        path = Path(target)
        if not path.is_dir() and (path.suffix or path.is_file()):
            raise UsageError(
                f"--json {target}: --format openpose needs a folder; put --json last, and name one."
            )
        return
    endings = (".csv",) if format == "csv" else (".json", ".jsonl")
    if target != STDOUT and Path(target).suffix.lower() not in endings:
        raise UsageError(
            f"--json {target}: a record ends in {' or '.join(endings)}; put --json last, or write --json -"
        )


def open_record_sink(
    target: str,
    format: str = "shufflecam",
    *,
    overwrite: bool = False,
    image_ids: ImageIds | None = None,
    stdout: TextIO | None = None,
    earlier: EarlierLines | None = None,
) -> RecordSink:
    """The writer for `--json target --format format`, its target checked but not yet opened.

    Args:
        target: a file, a folder for `openpose`, or `-` for standard output (the other formats).
        format: one of `FORMATS`.
        overwrite: whether what exists already may be replaced.
        image_ids: for `coco`: the pictures' ids, see `image_ids.number_pictures`; None: as they come.
        stdout: the stream that `-` means; None is `sys.stdout`.
        earlier: what a `.jsonl` of ours holds that is to be gone on with.

    Raises:
        UsageError: as `check_record_target`.
        OutputError: the target exists, or cannot be written.
    """
    check_record_target(target, format)
    where: Path | TextIO = (stdout or sys.stdout) if target == STDOUT else Path(target)
    if not isinstance(where, Path):
        where.write("")  # a closed one says so now, before the work
    if format == "openpose":
        return OpenPoseSink(Path(target), overwrite=overwrite)
    if format == "csv":
        return CsvSink(where, overwrite=overwrite)
    lines = Path(target).suffix.lower() == ".jsonl"
    if format == "coco":
        return CocoSink(where, overwrite=overwrite, image_ids=image_ids, lines=lines)
    if target == STDOUT or lines:
        return JsonLinesSink(where, overwrite=overwrite, earlier=earlier)
    return JsonDocumentSink(where, overwrite=overwrite)


def said_of_angles(angles: bool, smoothed: bool) -> dict[str, Any]:
    """What the record's header says where `--angles` is given; writers then add them to each person."""
    from shufflecam.core.angles import ANGLES

    of = "keypoints_smoothed" if smoothed else "keypoints"
    return {"angles": list(ANGLES), "angles_of": of} if angles else {}


def check_angles(json_target: str | None, record_format: str) -> None:
    """Raise UsageError where `--angles` has nowhere to go."""
    if record_format not in ("shufflecam", "csv"):
        raise UsageError(f"--format {record_format} has no place for --angles; use shufflecam or csv.")
    if json_target is None:
        raise UsageError("--angles adds to what --json writes; add --json FILE.")


def check_record_usage(json_target: str | None, record_format: str, angles: bool = False) -> None:
    """Whether what is asked of the record can be meant; before anything is opened. Raises UsageError."""
    from shufflecam.records.open import check_record_target

    if angles:
        check_angles(json_target, record_format)
    if json_target is not None:
        check_record_target(json_target, record_format)
    elif record_format != "shufflecam":
        raise UsageError(f"--format {record_format} says what --json writes; add --json FILE.")


def open_record(
    json_target: str | None,
    record_format: str,
    overwrite: bool,
    earlier: EarlierLines | None = None,
    image_ids: ImageIds | None = None,
) -> RecordSink | None:
    """The record's writer, its target checked, nothing written yet; None without `--json`."""
    from shufflecam.records.open import open_record_sink

    if json_target is None:
        return None
    return open_record_sink(
        json_target, record_format, overwrite=overwrite, earlier=earlier, image_ids=image_ids
    )
