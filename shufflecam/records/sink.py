"""What a writer of records is, and what it is opened with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from shufflecam.core.missing import NOTHING_MISSING, Missing

if TYPE_CHECKING:
    from shufflecam.core.types import FrameResult
    from shufflecam.records.earlier import EarlierLines
    from shufflecam.records.image_ids import ImageIds
    from shufflecam.records.reader import SavedRecord
    from shufflecam.records.schema import Record


class RecordSink(Protocol):
    """A `core.protocols.Sink` for records, which also takes the header, before the first result.

    Making one checks its target and leaves no trace there; `begin` opens it. So outputs are checked
    before weights are loaded, and invalid weights leave no empty file behind.

    A writer of several files, or of others than its target, lists them in an attribute `paths`.
    """

    def begin(self, header: Record) -> None:
        """Open the target and write what comes first. Once, before the first `write`."""
        ...

    def write(self, result: FrameResult) -> None:
        """Write one result; the operating system has it when this returns."""
        ...

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Complete the target and close it. Does nothing when `begin` was never called."""
        ...


Extra = Literal["earlier", "image_ids", "pictures", "pixels_per_metre"]
"""The fields of `WriterOptions` that only some formats use; a format lists its own (`RecordFormat.takes`)."""


@dataclass(frozen=True)
class WriterOptions:
    """What a writer is opened with, besides its target."""

    overwrite: bool = False
    """Whether existing files may be replaced."""
    saved: SavedRecord | None = None
    """The record that is converted, for formats whose header needs figures of all of it; None in a run."""
    earlier: EarlierLines | None = None
    """What an earlier run wrote to the target, to be continued."""
    image_ids: ImageIds | None = None
    """The ids of the pictures; None: numbered from 1 on as they come."""
    pictures: bool = False
    """Whether each frame's picture is written too."""
    pixels_per_metre: float | None = None
    """The scale; None: pixels are written."""
