"""A saved record, read back: what everything that works without a model begins with.

Both forms are read as they come, one frame in memory at a time, and as far as they are whole: a program
that was killed, or a file that was copied in part, costs the frame that was cut and nothing before it.
Lines of a `type` that is not known are skipped.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeGuard

import numpy as np

from shufflecam.core.errors import SourceError
from shufflecam.core.files import reason
from shufflecam.core.pixels import believable_aspect
from shufflecam.core.reasons import json_fault
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.text import open_text
from shufflecam.core.types import Frame, FrameResult, Gap
from shufflecam.core.words import counted
from shufflecam.records import schema as record

LONGEST = 1 << 25
"""Characters of one entry: two hundred people in a frame come to a hundredth of that."""

_CHUNK = 1 << 16
_LARGEST_SIDE = 1 << 20
_LARGEST_NUMBER = 1 << 53  # whole ones are exact up to here, and every table holds them
_PIXEL = np.zeros((1, 1, 3), np.uint8)
_ASK = "was it written by shufflecam --json?"

Notice = Callable[[str], None]


@dataclass(frozen=True)
class SavedRecord:
    """A record file whose header was read; the rest is read when it is asked for."""

    path: Path
    header: record.Record
    skeleton: Skeleton
    """What the K keypoints of everybody in it are."""
    size: tuple[int, int] | None
    """(width, height) of the pictures; None where each says its own."""
    pixel_aspect: float = 1.0
    """Width / height of one pixel; a frame may say another."""

    def results(self, on_cut: Notice | None = None) -> Iterator[FrameResult]:
        """Every frame, in order, with a black picture of the right size, which costs nothing.

        Where neither header nor frame says the size, it is 1x1.

        Args:
            on_cut: told in one sentence where the record ends too early, and how much of it is whole.

        Raises:
            SourceError: the record does not follow the schema.
        """
        gap = None
        for entry in self._entries(on_cut):
            if entry.get("type") == "gap":
                gap = _gap(entry)
            elif entry.get("type") == "frame":
                yield self._result(entry, gap)
                gap = None

    def frames(self, on_cut: Notice | None = None) -> Iterator[record.Record]:
        """Every whole frame line, in order, as it stands there."""
        return (entry for entry in self._entries(on_cut) if entry.get("type") == "frame")

    def footer(self) -> record.Record | None:
        """The last line, or None where the program was killed before it could write it."""
        last = _last_entry(self.path)
        if last is None:
            with contextlib.suppress(_Cut):
                return next((entry for entry in _entries(self.path) if entry.get("type") == "footer"), None)
        return last

    def _entries(self, on_cut: Notice | None) -> Iterator[record.Record]:
        frames, footer = 0, False
        try:
            for entry in _entries(self.path):
                frames += entry.get("type") == "frame"
                footer = footer or entry.get("type") == "footer"
                yield entry
            if not footer and on_cut is not None:
                on_cut(f"{self.path} has no end: its program was killed; {_whole(frames)}")
        except _Cut as cut:
            if on_cut is not None:
                on_cut(f"{self.path} breaks off{cut}; {_whole(frames)}")

    def _result(self, entry: record.Record, gap: Gap | None) -> FrameResult:
        index, time = entry.get("frame"), entry.get("time")
        if not isinstance(index, int) or not _is_number(index) or index < 0:
            raise SourceError(f"{self.path}: a frame has the number {index!r}; {_ASK}")
        if not _is_number(time):
            raise SourceError(f"{self.path}: frame {index} has the time {time!r}; {_ASK}")
        poses = record.to_poses(entry)
        expected = len(self.skeleton.keypoints)
        for pose in poses:
            if pose.track_id is not None and not _is_number(pose.track_id):
                raise SourceError(
                    f"{self.path}: a person in frame {index} has the id {pose.track_id}; {_ASK}"
                )
            if len(pose.keypoints) != expected:
                raise SourceError(
                    f"{self.path}: a person in frame {index} has {len(pose.keypoints)} keypoints, but the "
                    f"header names {expected}; {_ASK}"
                )
        width, height = _size(entry.get("size")) or self.size or (1, 1)
        file, latency = entry.get("file"), entry.get("latency")
        frame = Frame(
            np.broadcast_to(_PIXEL, (height, width, 3)),
            int(index),
            float(time),
            file=None if file is None else str(file),
            gap=gap,
            pixel_aspect=_pixel_aspect(self.path, entry, self.pixel_aspect),
        )
        return FrameResult(frame, poses, float(latency) if _is_number(latency) else None)


def read_record(path: Path) -> SavedRecord:
    """Open a record, JSON Lines or one document.

    Raises:
        SourceError: it cannot be read, or is not a record of ours.
    """
    try:
        for entry in _entries(path):
            if entry.get("type") == "header":
                if entry.get("schema") != record.SCHEMA:
                    raise SourceError(
                        f"{path} follows the schema {entry.get('schema')!r}, and this version reads "
                        f"{record.SCHEMA} only."
                    )
                source = entry.get("source")
                if not isinstance(source, dict):
                    raise SourceError(f"{path} does not say in its header what it was made from; {_ASK}")
                size = _size([source.get("width"), source.get("height")])
                aspect = _pixel_aspect(path, source, 1.0)
                return SavedRecord(path, entry, record.to_skeleton(entry), size, aspect)
            if not _is_document(path):
                break
    except _Cut:
        pass
    raise SourceError(f"{path} does not begin with a {record.SCHEMA} header; {_ASK}")


class _Cut(Exception):
    """The file ends within a value; the text says where."""


def _entries(path: Path) -> Iterator[record.Record]:
    """Header, frames, footer and whatever else, of either form, in the file's order. Raises _Cut at a cut."""
    try:
        document = _is_document(path)
        with _open(path) as stream:
            for entry in _document_entries(stream, path) if document else _line_entries(stream, path):
                if not isinstance(entry, dict):
                    raise SourceError(f"{path} is not a record: an entry of it is not an object; {_ASK}")
                yield entry
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {reason(error)}.") from error


def _open(path: Path) -> TextIO:
    return open_text(path, errors="surrogateescape")  # file names may be no UTF-8


def _is_document(path: Path) -> bool:
    """Whether it is one document and not lines: its first line is not an entry."""
    try:
        with _open(path) as stream:
            first = json.loads(stream.readline(LONGEST))
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {reason(error)}.") from error
    except (ValueError, RecursionError):
        return True
    return not (isinstance(first, dict) and "type" in first)


def _line_entries(stream: TextIO, path: Path) -> Iterator[Any]:
    number = 0
    while line := stream.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST:
            raise SourceError(f"{path}, line {number}, is longer than a frame's line can be; {_ASK}")
        if line.isspace():
            continue
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            if not stream.readline(1):
                raise _Cut(f" in line {number}") from None
            raise SourceError(f"{path}, line {number}, is not JSON ({json_fault(error)}).") from error


def _document_entries(stream: TextIO, path: Path) -> Iterator[Any]:
    values = _Values(stream, path)
    values.take("{")
    while values.peek() != "}":
        key = values.value()
        values.take(":")
        if key == "frames":
            values.take("[")
            while values.peek() != "]":
                yield values.value()
                if values.peek() != "]":
                    values.take(",")
            values.take("]")
        elif key in ("header", "footer"):
            yield values.value()
        else:
            values.value()
        if values.peek() != "}":
            values.take(",")


class _Values:
    """JSON values of a stream, one after the other, without the whole in memory."""

    def __init__(self, stream: TextIO, path: Path) -> None:
        self._stream, self._path = stream, path
        self._decoder = json.JSONDecoder()
        self._text, self._at, self._ended = "", 0, False

    def peek(self) -> str:
        """The next character that is not white space. Raises _Cut where there is none."""
        while True:
            while self._at < len(self._text):
                if not self._text[self._at].isspace():
                    return self._text[self._at]
                self._at += 1
            if not self._read():
                raise _Cut

    def take(self, expected: str) -> None:
        """Go past the next character. Raises SourceError where it is another one."""
        found = self.peek()
        if found != expected:
            begins = f"{found!r} where {expected!r} belongs" if found.isprintable() else "it is no text"
            raise SourceError(f"{self._path} is not a record: {begins}; {_ASK}")
        self._at += 1

    def value(self) -> Any:
        """The next value."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if isinstance(error, RecursionError) or len(self._text) - self._at > LONGEST:
                    raise SourceError(
                        f"{self._path} is not a record ({json_fault(error)}); {_ASK}"
                    ) from error
                if not self._read():
                    raise _Cut from None
                continue
            # A number that the text ends with may go on.
            if end == len(self._text) and self._read():
                continue
            self._at = end
            return value

    def _read(self) -> bool:
        """More text, as much again as there is; False at the end of the file."""
        if self._ended:
            return False
        kept = self._text[self._at :]
        more = self._stream.read(max(_CHUNK, len(kept)))
        self._ended = not more
        self._text, self._at = kept + more, 0
        return bool(more)


def _last_entry(path: Path) -> record.Record | None:
    """The footer, where it is what the file ends with; None where that cannot be told from the end alone."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _CHUNK))
            tail = file.read().decode("utf-8", "surrogateescape").rstrip()
        line = tail[tail.rfind("\n") + 1 :]
        last = json.loads(line[len('"footer":') : -1] if line.startswith('"footer":') else line)
    except (OSError, ValueError, RecursionError):
        return None
    return last if isinstance(last, dict) and last.get("type") == "footer" else None


def _gap(entry: record.Record) -> Gap | None:
    begin, end = entry.get("from"), entry.get("to")
    if not (_is_number(begin) and _is_number(end)):
        return None
    return Gap(float(begin), float(end), str(entry.get("reason", "")))


def _size(sides: Any) -> tuple[int, int] | None:
    if not isinstance(sides, list) or len(sides) != 2:
        return None
    if all(isinstance(s, int) and not isinstance(s, bool) and 0 < s <= _LARGEST_SIDE for s in sides):
        return sides[0], sides[1]
    return None


def _pixel_aspect(path: Path, entry: record.Record, otherwise: float) -> float:
    """What a header's source or a frame says of the pixels' shape; `otherwise` where it says nothing."""
    told = entry.get("pixel_aspect")
    if told is None:
        return otherwise
    aspect = believable_aspect(told) if _is_number(told) else None
    if aspect is None:
        raise SourceError(f"{path} says that its pixels are {told!r} times as wide as high; {_ASK}")
    return aspect


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST_NUMBER


def _whole(frames: int) -> str:
    return f"its {counted(frames, 'whole frame')} {'was' if frames == 1 else 'were'} read"
