"""The record as JSON: one line a frame (`.jsonl`, standard output) or one document (`.json`).

Both are flushed with every frame. A killed program leaves whole lines, or a document that parses and
whose footer says `"complete": false`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from shufflecam.core.errors import OutputError, SourceError
from shufflecam.core.types import FrameResult
from shufflecam.export import record
from shufflecam.export.files import TextFile, check_writable, reason


def dumps(value: Any) -> str:
    """Compact, ASCII only (a file name may hold anything), and never NaN or Infinity."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


class JsonLinesSink:
    """Header, a line a frame, footer; into a file or a text stream (standard output)."""

    def __init__(
        self, target: Path | TextIO, *, overwrite: bool = False, earlier: EarlierLines | None = None
    ) -> None:
        """Check the target; `earlier` is what it holds already, and the new lines come behind it."""
        if isinstance(target, Path):
            check_writable(target, overwrite or earlier is not None)
        self._target = target
        self._earlier = earlier
        self._text: TextFile | None = None
        self._frames = 0 if earlier is None else earlier.frames

    def begin(self, header: record.Record) -> None:
        """Open the target and write the header. Before the first `write`.

        Raises:
            OutputError: it cannot be opened, or what it holds was found by another model.
        """
        if self._earlier is None:
            self._text = TextFile(self._target)
            self._text.append(dumps(header) + "\n")
            return
        for part in ("model", "skeleton"):
            if json.loads(dumps(header[part])) != self._earlier.header.get(part):
                raise OutputError(
                    f"{self._target} was made with another {part}; choose another name, or do without "
                    "--skip-existing."
                )
        self._text = TextFile(self._target, go_on_at=self._earlier.end)

    def write(self, result: FrameResult) -> None:
        """One line. Raises OutputError, or BrokenPipeError on standard output."""
        if self._text is None:
            raise RuntimeError("begin() comes before write()")
        if self._earlier is not None and result.frame.file in self._earlier.files:
            return  # only its picture was missing
        entry = record.frame(result)
        if self._earlier is not None:
            entry["frame"] = self._frames
        self._text.append("".join(dumps(line) + "\n" for line in (*record.events(result), entry)))
        self._frames += 1

    def close(self, *, complete: bool, dropped: int = 0) -> None:
        """Write the footer. Without `begin` there is nothing to close and no file."""
        if self._text is not None:
            self._text.close(dumps(record.footer(self._frames, dropped, complete)) + "\n")


@dataclass(frozen=True)
class EarlierLines:
    """What an earlier run left in a `.jsonl` record of pictures."""

    header: record.Record
    files: frozenset[str]
    """Of the pictures that it has whole lines of."""
    frames: int
    end: int
    """Byte behind the last whole line of a frame."""


def read_earlier_lines(path: Path) -> EarlierLines | None:
    """What is to be gone on with; None where there is no file, or not one whole line in it.

    Raises:
        SourceError: something else is in it.
    """
    if not path.exists():
        return None
    header, files, frames, end = None, set(), 0, 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    break  # the program was killed within this line
                kind = entry.get("type") if isinstance(entry, dict) else None
                if header is None:
                    if kind != "header" or entry.get("schema") != record.SCHEMA:
                        break
                    header = entry
                elif kind == "frame" and line.endswith(b"\n"):
                    files.add(str(entry.get("file")))
                    frames += 1
                else:
                    break
                end += len(line)
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {reason(error)}.") from error
    if header is None:
        if path.stat().st_size == 0:
            return None
        raise SourceError(f"{path} is no record of shufflecam's that could be gone on with; remove it first.")
    return EarlierLines(header, frozenset(files), frames, end)


class JsonDocumentSink:
    """One document `{"header": ..., "frames": [...], "footer": ...}`, each frame on its own line."""

    def __init__(self, target: Path | TextIO, *, overwrite: bool = False) -> None:
        if isinstance(target, Path):
            check_writable(target, overwrite)
        self._target = target
        self._text: TextFile | None = None
        self._frames = 0

    def begin(self, header: record.Record) -> None:
        """Open the target and write the header. Before the first `write`."""
        self._text = TextFile(self._target)
        self._text.append(f'{{"header":{dumps(header)},\n"frames":[\n', self._tail())

    def write(self, result: FrameResult) -> None:
        """One line. Raises OutputError, or BrokenPipeError on standard output."""
        if self._text is None:
            raise RuntimeError("begin() comes before write()")
        comma = ",\n" if self._frames else ""
        self._frames += 1
        try:
            lines = [*record.events(result), record.frame(result)]
            self._text.append(comma + ",\n".join(map(dumps, lines)), self._tail())
        except BaseException:
            self._frames -= 1
            raise

    def close(self, *, complete: bool, dropped: int = 0) -> None:
        """Write the footer. Without `begin` there is nothing to close and no file."""
        if self._text is not None:
            self._text.close(self._tail(dropped, complete))

    def _tail(self, dropped: int | None = None, complete: bool = False) -> str:
        return f'\n],\n"footer":{dumps(record.footer(self._frames, dropped, complete))}}}\n'


@dataclass(frozen=True)
class SavedRecord:
    """A record file, read back. `frames()` reads as it goes, so that length costs no memory."""

    path: Path
    header: record.Record

    def frames(self) -> Iterator[record.Record]:
        """Every whole frame line, in order; a line cut short at the end (a killed program) is left out."""
        for entry in _entries(self.path):
            if entry.get("type") == "frame":
                yield entry

    def footer(self) -> record.Record | None:
        """The last line, or None where the program was killed before it could write it."""
        last = None
        for entry in _entries(self.path):
            last = entry
        return last if last is not None and last.get("type") == "footer" else None


def read_record(path: Path) -> SavedRecord:
    """Open a record, JSON Lines or document.

    Raises:
        SourceError: it cannot be read, or is not a record of ours.
    """
    for entry in _entries(path):
        if entry.get("type") != "header" or entry.get("schema") != record.SCHEMA:
            break
        return SavedRecord(path, entry)
    raise SourceError(
        f"{path} does not begin with a {record.SCHEMA} header; was it written by shufflecam --json?"
    )


def _entries(path: Path) -> Iterator[record.Record]:
    """Header, frames and footer in order, of either form."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as lines:
            first = next(lines, "")
            if first.startswith('{"header":') or not first.startswith('{"type":'):
                yield from _document_entries(path)
                return
            yield from _line_entries(path, first, lines)
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {reason(error)}.") from error


def _line_entries(path: Path, first: str, lines: Iterator[str]) -> Iterator[record.Record]:
    number, line = 1, first
    while line:
        following = next(lines, "")
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            if not following:
                return  # the program was killed within this line
            raise SourceError(f"{path}, line {number}, is not JSON ({error}).") from error
        if not isinstance(entry, dict):
            raise SourceError(f"{path}, line {number}, is not an object.")
        yield entry
        number, line = number + 1, following


def _document_entries(path: Path) -> Iterator[record.Record]:
    try:
        document = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        entries = [document["header"], *document["frames"], document["footer"]]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise SourceError(
            f"{path} is not a record ({type(error).__name__}: {error}); was it written by shufflecam --json?"
        ) from error
    for entry in entries:
        if not isinstance(entry, dict):
            raise SourceError(f"{path} is not a record: its frames are not objects.")
        yield entry
