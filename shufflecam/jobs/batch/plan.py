"""Which outputs each input has, and what came of each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from shufflecam.core.errors import (
    OutputError,
    ShufflecamError,
    UsageError,
)
from shufflecam.core.reasons import reason
from shufflecam.media.encoding import CODECS, DEFAULT_CODEC

if TYPE_CHECKING:
    from shufflecam.records.open import RecordTarget
    from shufflecam.sources.paths import PicturePath


DONE, SKIPPED, CUT_SHORT, FAILED, STOPPED = "done", "skipped", "cut short", "failed", "stopped"


@dataclass(frozen=True)
class Item:
    """One video of many."""

    name: str
    """Relative to the folder given."""
    source: str
    out: Path | None
    record: Path | None

    @property
    def outputs(self) -> list[Path]:
        """What is to be there at the end."""
        return [path for path in (self.out, self.record) if path is not None]

    @property
    def bytes(self) -> int:
        """The input's size: how much of the whole work it is."""
        with suppress(OSError):
            return max(1, os.path.getsize(self.source))
        return 1


@dataclass(frozen=True)
class Report:
    """What came of one video."""

    item: Item
    state: str
    frames: int = 0
    people: int = 0
    """Frames with people."""
    seconds: float = 0.0
    reason: str = ""
    fatal: ShufflecamError | None = field(default=None, compare=False)
    """What would fail every other video in the same way (weights, usage)."""
    unreadable: bool = False
    """The source could not be opened at all."""


def plan(
    found: Sequence[PicturePath],
    out: Path | None,
    record: RecordTarget,
    codec: str = DEFAULT_CODEC,
) -> list[Item]:
    """Which outputs each input has: DIR/<path below the folder given>, ending in .mp4 where need be.

    The record's path is the folder for all records; each has its video's name, with the format's ending.

    Raises:
        UsageError: two inputs have the same output, or an output is an input.
    """
    records = None if record.path is None else Path(record.path)
    items = []
    for file in found:
        name = PurePosixPath(file.name)
        kept = name.suffix.lower() in CODECS[codec].containers
        video = name if kept else _renamed(name, ".mp4", out)
        recorded = _renamed(name, record.kind.usual_ending, records)
        items.append(
            Item(
                name=file.name,
                source=file.path,
                out=out / video if out is not None else None,
                record=records / recorded if records is not None else None,
            )
        )
    inputs = {os.path.realpath(item.source) for item in items}
    taken: dict[str, Item] = {}
    for item in items:
        for path in item.outputs:
            other = taken.setdefault(os.path.normcase(os.path.realpath(path)), item)
            if other is not item:
                raise UsageError(
                    f"{other.source} and {item.source} would both become {path}; give them different --out."
                )
            if os.path.realpath(path) in inputs:
                raise UsageError(f"{path} is an input and would be replaced; choose another --out.")
    return items


def _renamed(name: PurePosixPath, ending: str, folder: Path | None) -> PurePosixPath:
    """The same name with another ending; cut where it would become too long for the file system."""
    from shufflecam.core.files import name_that_fits

    return name.with_name(name_that_fits(folder or Path(), name.stem, ending))


def check_outputs(items: Sequence[Item], overwrite: bool) -> None:
    """Make the folders, and look whether anything is there that may not be replaced.

    Raises:
        OutputError: it is, or a folder cannot be made or written.
    """
    from shufflecam.core.files import check_writable, is_there

    if not overwrite:
        for path in (path for item in items for path in item.outputs):
            if is_there(path):
                raise OutputError(
                    f"{path} exists already; add --skip-existing to go on with the others, or --overwrite."
                )
    for folder in {path.parent for item in items for path in item.outputs}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Cannot make the folder {folder}: {reason(error)}; choose another.") from error
        check_writable(folder / f".shufflecam-{os.getpid()}", overwrite=True)


def part_of(path: Path) -> Path:
    """Where an output is written until it is whole."""
    from shufflecam.core.files import name_that_fits

    return path.with_name(name_that_fits(path.parent, path.stem, f".part{path.suffix}"))


def skip_existing(items: Iterable[Item]) -> tuple[list[Item], list[Report]]:
    """What is left to do, and reports of the videos all of whose outputs are there (and so whole)."""
    left, skipped = [], []
    for item in items:
        if all(map(os.path.exists, item.outputs)):
            skipped.append(Report(item, SKIPPED))
        else:
            left.append(item)
    return left, skipped
