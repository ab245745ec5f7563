"""A format of records in its smallest form: how many people each frame shows, a line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shufflecam.core.files import TextFile, check_writable
from shufflecam.core.types import FrameResult
from shufflecam.records.sink import WriterOptions


def open_writer(target: Path, options: WriterOptions) -> TinySink:
    """The writer, its target checked."""
    check_writable(target, options.overwrite)
    return TinySink(target)


class TinySink:
    """A `shufflecam.records.sink.RecordSink`."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._text: TextFile | None = None

    def begin(self, header: dict[str, Any]) -> None:
        """Open the file."""
        self._text = TextFile(self._target)

    def write(self, result: FrameResult) -> None:
        """One line."""
        assert self._text is not None
        self._text.append(f"{len(result.poses)}\n")

    def close(self, *, complete: bool, dropped: int = 0, missing: object = None) -> None:
        """The last line says whether all was seen."""
        if self._text is not None:
            self._text.close("complete\n" if complete else "cut short\n")
