"""Plans the outputs of each input, and defines the report on each."""

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
    """A video of a batch."""

    name: str
    """Relative to the given folder."""
    source: str
    out: Path | None
    record: Path | None

    @property
    def outputs(self) -> list[Path]:
        """The outputs that are to be written."""
        return [path for path in (self.out, self.record) if path is not None]

    @property
    def bytes(self) -> int:
        """The input's size in bytes: its share of the total work."""
        with suppress(OSError):
            return max(1, os.path.getsize(self.source))
        return 1


@dataclass(frozen=True)
class Report:
    """The outcome for one video."""

    item: Item
    state: str
    frames: int = 0
    people: int = 0
    """Number of frames with people."""
    seconds: float = 0.0
    reason: str = ""
    fatal: ShufflecamError | None = field(default=None, compare=False)
    """An error that would fail every other video too (weights, usage)."""
    unreadable: bool = False
    """Whether the source could not be opened at all."""


def plan(
    found: Sequence[PicturePath],
    out: Path | None,
    record: RecordTarget,
    codec: str = DEFAULT_CODEC,
) -> list[Item]:
    """Return the items with their outputs: DIR/<path below the given folder>, with the suffix .mp4 if needed.

    The record's path is the folder for all records; each is named after its video, with the format's suffix.

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
    """Return the name with another suffix, truncated if too long for the file system."""
    from shufflecam.core.files import name_that_fits

    return name.with_name(name_that_fits(folder or Path(), name.stem, ending))


def check_outputs(items: Sequence[Item], overwrite: bool) -> None:
    """Create the folders, and check that no existing file would be replaced without permission.

    Raises:
        OutputError: one would, or a folder cannot be created or written.
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
    """Return the path an output is written to until it is complete."""
    from shufflecam.core.files import name_that_fits

    return path.with_name(name_that_fits(path.parent, path.stem, f".part{path.suffix}"))


def skip_existing(items: Iterable[Item]) -> tuple[list[Item], list[Report]]:
    """Return the remaining items, and reports on those whose outputs all exist (and so are complete)."""
    left, skipped = [], []
    for item in items:
        if all(map(os.path.exists, item.outputs)):
            skipped.append(Report(item, SKIPPED))
        else:
            left.append(item)
    return left, skipped
