"""The formats in which records are written: one table, without heavy imports, and writers imported on demand.

A new format is a module with a writer and an entry in `FORMATS`; options, help texts, checks, conversions and
batches follow the table. The writer's module has

    def open_writer(target: Path | TextIO, options: WriterOptions) -> RecordSink

which checks the target and leaves no trace there. The target is a stream only of formats that are `streamed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from shufflecam.records.sink import Extra, RecordSink, WriterOptions

OWN = "shufflecam"
"""The default format, and the only one that is read back."""

LINES = ".jsonl"
"""JSON Lines."""

Keypoints = Literal["raw", "smoothed", "both"]


@dataclass(frozen=True)
class RecordFormat:
    """Properties of a format that are known before its writer is imported."""

    name: str
    """As `--format` has it."""
    title: str
    """As its program or standard spells it."""
    writer: str
    """The module with `open_writer`."""
    endings: tuple[str, ...]
    """The endings its files may have, with the dot and lowercase; none: it is a folder of files."""
    usual_ending: str = ""
    """The ending of files whose names are chosen here; a folder has none."""
    implied: bool = False
    """Whether the usual ending means this format where no format is given."""
    recorded: bool = False
    """Whether `video`, `images` and `webcam` write it as they go; else only `convert` does."""
    streamed: bool = False
    """Whether it can go to standard output."""
    angles: bool = False
    """Whether it has a place for joint angles."""
    keypoints: Keypoints = "raw"
    """Which of a person's keypoints its writer takes; smoothed: where there are any."""
    silent_on_aspect: bool = False
    """Whether its x and y come without the pixels' shape (a table), so that a note has to state it."""
    takes: tuple[Extra, ...] = ()
    """What else its writer can be opened with."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return not self.endings

    def open_writer(self, target: Path | TextIO, options: WriterOptions) -> RecordSink:
        """The writer, its target checked but not opened yet.

        Raises:
            UsageError: the format needs a package that is not installed.
            OutputError: the target exists, or cannot be written.
        """
        sink: RecordSink = import_module(self.writer).open_writer(target, options)
        return sink


_RECORD = (".json", LINES)

FORMATS: dict[str, RecordFormat] = {
    entry.name: entry
    for entry in (
        RecordFormat(
            OWN,
            "shufflecam",
            "shufflecam.records.json",
            _RECORD,
            LINES,
            implied=True,
            recorded=True,
            streamed=True,
            angles=True,
            keypoints="both",
            takes=("earlier",),
        ),
        RecordFormat(
            "coco",
            "COCO",
            "shufflecam.records.coco",
            _RECORD,
            ".json",
            recorded=True,
            streamed=True,
            takes=("image_ids",),
        ),
        RecordFormat("openpose", "OpenPose", "shufflecam.records.openpose", (), recorded=True),
        RecordFormat(
            "csv",
            "CSV",
            "shufflecam.records.csv",
            (".csv",),
            ".csv",
            implied=True,
            recorded=True,
            streamed=True,
            angles=True,
            keypoints="smoothed",
            silent_on_aspect=True,
        ),
        RecordFormat(
            "parquet",
            "Parquet",
            "shufflecam.records.parquet",
            (".parquet",),
            ".parquet",
            implied=True,
            angles=True,
            keypoints="smoothed",
            silent_on_aspect=True,
        ),
        RecordFormat(
            "trc",
            "TRC",
            "shufflecam.records.trc",
            (".trc",),
            ".trc",
            implied=True,
            keypoints="smoothed",
            takes=("pixels_per_metre",),
        ),
        RecordFormat("alphapose", "AlphaPose", "shufflecam.records.alphapose", (".json",), ".json"),
        RecordFormat("labelme", "labelme", "shufflecam.records.labelme", (), takes=("pictures",)),
    )
}
"""Name -> format, in the order of help texts."""


def recorded_formats() -> list[RecordFormat]:
    """The formats that a run writes as it goes."""
    return [entry for entry in FORMATS.values() if entry.recorded]


def convertible_formats() -> list[RecordFormat]:
    """The formats that a record can be converted to: all, files before folders."""
    return sorted(FORMATS.values(), key=lambda entry: entry.is_folder)


def implied_formats() -> dict[str, RecordFormat]:
    """Ending -> the format it means where no format is given; the own format comes last."""
    implied = [entry for entry in FORMATS.values() if entry.implied]
    return {entry.usual_ending: entry for entry in sorted(implied, key=lambda entry: entry.name == OWN)}


def names_where(is_one: Callable[[RecordFormat], bool]) -> list[str]:
    """The names of the formats for which `is_one` holds, in the table's order."""
    return [entry.name for entry in FORMATS.values() if is_one(entry)]
