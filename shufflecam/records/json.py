"""The record as JSON: one line a frame (`.jsonl`, standard output) or one document (`.json`).

Both are flushed with every frame. A killed program leaves complete lines, or a document that parses and
has `"complete": false` in its footer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

from shufflecam.core.errors import OutputError
from shufflecam.core.files import TextFile, check_writable
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.types import FrameResult
from shufflecam.records import schema as record
from shufflecam.records.earlier import EarlierLines
from shufflecam.records.formats import LINES
from shufflecam.records.sink import WriterOptions


def dumps(value: Any) -> str:
    """Serialize compactly, in ASCII (a file name may hold anything) and without NaN or Infinity."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def open_writer(target: Path | TextIO, options: WriterOptions) -> JsonLinesSink | JsonDocumentSink:
    """The writer, its target checked; see `records.formats`. Lines on standard output, else as it ends."""
    if not isinstance(target, Path) or target.suffix.lower() == LINES:
        return JsonLinesSink(target, overwrite=options.overwrite, earlier=options.earlier)
    return JsonDocumentSink(target, overwrite=options.overwrite)


class JsonLinesSink:
    """Writes a header, a line per frame and a footer to a file or a text stream (standard output)."""

    def __init__(
        self, target: Path | TextIO, *, overwrite: bool = False, earlier: EarlierLines | None = None
    ) -> None:
        """Check the target; `earlier` is what it holds already, which the new lines are appended to."""
        if isinstance(target, Path):
            check_writable(target, overwrite or earlier is not None)
        self._target = target
        self._earlier = earlier
        self._joints: list[str] | None = None
        self._size: tuple[int, int] | None = None
        self._aspect = 1.0
        self._text: TextFile | None = None
        self._frames = 0 if earlier is None else earlier.frames

    def begin(self, header: record.Record) -> None:
        """Open the target and write the header. Before the first `write`.

        Raises:
            OutputError: it cannot be opened, or its earlier lines are of another model.
        """
        self._joints = record.angle_joints(header)
        self._size = record.picture_size(header)
        self._aspect = record.pixel_aspect_of(header)
        if self._earlier is None:
            self._text = TextFile(self._target)
            self._text.append(dumps(header) + "\n")
            return
        _refuse_another(self._target, self._earlier.header, json.loads(dumps(header)))
        self._text = TextFile(self._target, go_on_at=self._earlier.end)

    def write(self, result: FrameResult) -> None:
        """Write one line. Raises OutputError, or BrokenPipeError on standard output."""
        if self._text is None:
            raise RuntimeError("begin() comes before write()")
        if self._earlier is not None and result.frame.file in self._earlier.files:
            return  # only its drawn picture was missing
        entry = record.frame(result, self._joints, self._size, self._aspect)
        if self._earlier is not None:
            entry["frame"] = self._frames
        self._text.append("".join(dumps(line) + "\n" for line in (*record.events(result), entry)))
        self._frames += 1

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Write the footer and close. Does nothing without `begin`, which leaves no file."""
        if self._text is not None:
            self._text.close(dumps(record.footer(self._frames, dropped, complete, missing)) + "\n")


def _refuse_another(target: Path | TextIO, earlier: record.Record, header: record.Record) -> None:
    """Raise OutputError if an earlier record's networks or keypoints are not those of `header`."""
    parts = {part: (earlier.get(part), header.get(part)) for part in ("model", "skeleton", "angles")}
    # "auto" may stand for another detector today; its settings may differ.
    if earlier.get("detector") is not None:
        parts["detector"] = _name(earlier["detector"]), _name(header.get("detector"))
    for part, (then, now) in parts.items():
        if then != now:
            name = _name(then) if isinstance(then, dict) else then
            which = f" ({name})" if isinstance(name, str) and name != _name(now) else ""
            raise OutputError(
                f"{target} was made with another {part}{which}; choose another name, or do without "
                "--skip-existing."
            )


def _name(entry: Any) -> Any:
    return entry.get("name") if isinstance(entry, dict) else entry


class JsonDocumentSink:
    """Writes one document `{"header": ..., "frames": [...], "footer": ...}`, each frame on its own line."""

    def __init__(self, target: Path | TextIO, *, overwrite: bool = False) -> None:
        if isinstance(target, Path):
            check_writable(target, overwrite)
        self._target = target
        self._joints: list[str] | None = None
        self._size: tuple[int, int] | None = None
        self._aspect = 1.0
        self._text: TextFile | None = None
        self._frames = 0

    def begin(self, header: record.Record) -> None:
        """Open the target and write the header. Before the first `write`."""
        self._joints = record.angle_joints(header)
        self._size = record.picture_size(header)
        self._aspect = record.pixel_aspect_of(header)
        self._text = TextFile(self._target)
        self._text.append(f'{{"header":{dumps(header)},\n"frames":[\n', self._tail())

    def write(self, result: FrameResult) -> None:
        """Write one line. Raises OutputError, or BrokenPipeError on standard output."""
        if self._text is None:
            raise RuntimeError("begin() comes before write()")
        comma = ",\n" if self._frames else ""
        self._frames += 1
        try:
            lines = [*record.events(result), record.frame(result, self._joints, self._size, self._aspect)]
            self._text.append(comma + ",\n".join(map(dumps, lines)), self._tail())
        except BaseException:
            self._frames -= 1
            raise

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Write the footer and close. Does nothing without `begin`, which leaves no file."""
        if self._text is not None:
            self._text.close(self._tail(dropped, complete, missing))

    def _tail(
        self, dropped: int | None = None, complete: bool = False, missing: Missing = NOTHING_MISSING
    ) -> str:
        footer = record.footer(self._frames, dropped, complete, missing)
        return f'\n],\n"footer":{dumps(footer)}}}\n'
