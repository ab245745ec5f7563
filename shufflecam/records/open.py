"""Opens records from what the user wrote: the one that a run or a conversion writes, and one that is read.

Free of heavy imports, as options need it; readers and writers are imported when something is opened.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from shufflecam.core.errors import UsageError
from shufflecam.core.words import listed
from shufflecam.records.formats import (
    FORMATS,
    OWN,
    RecordFormat,
    convertible_formats,
    names_where,
    recorded_formats,
)
from shufflecam.records.sink import WriterOptions

if TYPE_CHECKING:
    from shufflecam.records.reader import SavedRecord
    from shufflecam.records.sink import RecordSink

STDOUT = "-"


@dataclass(frozen=True)
class RecordTarget:
    """Where a record goes, and as what."""

    path: str | None = None
    """A file, a folder for formats of several files, or "-" for standard output; None: there is no record."""
    format: str = OWN
    """One of `formats.FORMATS`."""
    angles: bool = False
    """Whether joint angles are added to each person."""

    @property
    def wanted(self) -> bool:
        """Whether a record is written at all."""
        return self.path is not None

    @property
    def on_stdout(self) -> bool:
        """Whether it goes to standard output."""
        return self.path == STDOUT

    @property
    def kind(self) -> RecordFormat:
        """The format's entry. Raises UsageError where there is none of that name."""
        if self.format not in FORMATS:
            raise _no_such_format(self.format, convertible_formats())
        return FORMATS[self.format]

    def check(self) -> None:
        """Raise UsageError where `--json`, `--format` and `--angles` of a run are invalid; opens nothing."""
        if self.angles:
            self._check_angles()
        if self.wanted:
            self._check_place()
        elif self.format != OWN:
            raise UsageError(f"--format {self.format} says what --json writes; add --json FILE.")

    def check_folder(self) -> None:
        """As `check`, for a run of several videos: the path is a folder for a record of each."""
        if self.path is not None:
            target = Path(self.path)
            endings = {ending for entry in recorded_formats() for ending in entry.endings}
            if self.on_stdout or target.is_file() or target.suffix in endings:
                raise UsageError(
                    f"--json {self.path}: several videos have a record each; give --json a folder."
                )
        elif self.format != OWN:
            raise UsageError(f"--format {self.format} says what --json writes; add --json DIR.")
        if self.angles:
            self._check_angles()

    def check_conversion(self) -> None:
        """As `check`, for the `--out` of a conversion."""
        kind = self.kind
        if self.on_stdout and not kind.streamed:
            raise UsageError(f"--format {self.format} cannot go to standard output; add --out.")
        if kind.endings and not self.on_stdout and Path(str(self.path)).suffix.lower() not in kind.endings:
            endings = " or ".join(kind.endings)
            raise UsageError(
                f"--out {self.path}: --format {self.format} writes a file that ends in {endings}."
            )
        if self.angles and not kind.angles:
            those = listed(names_where(lambda entry: entry.angles))
            raise UsageError(f"--angles goes into {those}; take one of these, or leave it.")

    def open(self, options: WriterOptions | None = None, *, stdout: TextIO | None = None) -> RecordSink:
        """The writer, its target checked but not opened yet: its `begin` takes the header.

        Args:
            options: what else the format is written with.
            stdout: the stream that `-` means; None is `sys.stdout`.

        Raises:
            UsageError: as `check`, or the format needs a package that is not installed.
            OutputError: the target exists, or cannot be written.
        """
        kind = self.kind
        if self.path is None:
            raise ValueError("no record is to be written")
        if kind.recorded:
            self._check_place()
        where: Path | TextIO = (stdout or sys.stdout) if self.on_stdout else Path(self.path)
        if not isinstance(where, Path):
            where.write("")  # a closed one raises now, before the work
        return kind.open_writer(where, options or WriterOptions())

    def _check_angles(self) -> None:
        if self.format not in (angular := names_where(lambda entry: entry.recorded and entry.angles)):
            raise UsageError(
                f"--format {self.format} has no place for --angles; use {listed(angular, 'or')}."
            )
        if not self.wanted:
            raise UsageError("--angles adds to what --json writes; add --json FILE.")

    def _check_place(self) -> None:
        if self.format not in (entry.name for entry in recorded_formats()):
            raise _no_such_format(self.format, recorded_formats())
        kind, path = self.kind, Path(str(self.path))
        if kind.is_folder:
            if self.on_stdout:
                raise UsageError(
                    f"{kind.title}'s format is a folder of files; give --json a folder, not standard output."
                )
            if not path.is_dir() and (path.suffix or path.is_file()):
                raise UsageError(
                    f"--json {self.path}: --format {self.format} needs a folder; put --json last, and name "
                    "one."
                )
            return
        if self.on_stdout:
            if not kind.streamed:
                raise UsageError(f"--format {self.format} cannot go to standard output; give --json FILE.")
        elif path.suffix.lower() not in kind.endings:
            raise UsageError(
                f"--json {self.path}: a record ends in {' or '.join(kind.endings)}; put --json last, or "
                "write --json -"
            )


NO_RECORD = RecordTarget()
"""The target of a run that writes no record."""


def _no_such_format(name: str, formats: list[RecordFormat]) -> UsageError:
    known = ", ".join(entry.name for entry in formats)
    return UsageError(f"There is no format {name!r}; choose one of {known}.")


def read_record(path: Path) -> SavedRecord:
    """A saved record, JSON Lines or one document, whose header was read.

    Raises:
        SourceError: it cannot be read, or is not a shufflecam record.
    """
    from shufflecam.records.entries import read_header
    from shufflecam.records.reader import SavedRecord

    return SavedRecord.from_header(path, read_header(path))
