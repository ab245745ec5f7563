"""The entries of a saved record - header, frames, footer - of either form, lines or one document.

Both forms are streamed, one frame in memory at a time, up to the first incomplete entry: a program that was
killed, or a file that was copied in part, costs the frame that was cut and nothing before it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from shufflecam.core.errors import SourceError
from shufflecam.core.reasons import json_fault, reason
from shufflecam.core.text import open_text
from shufflecam.records.schema import SCHEMA, Record

LONGEST = 1 << 25
"""Characters of one entry at most; two hundred people in a frame take a hundredth of that."""

ASK = "was it written by shufflecam --json?"

_CHUNK = 1 << 16


def read_header(path: Path) -> Record:
    """Read the header, the first entry of a record.

    Raises:
        SourceError: the file cannot be read, or does not begin with a header of this schema.
    """
    try:
        for entry in entries(path):
            if entry.get("type") == "header":
                if entry.get("schema") != SCHEMA:
                    raise SourceError(
                        f"{path} follows the schema {entry.get('schema')!r}, and this version reads {SCHEMA} "
                        "only."
                    )
                return entry
            if not is_document(path):
                break
    except Cut:
        pass
    raise SourceError(f"{path} does not begin with a {SCHEMA} header; {ASK}")


class Cut(Exception):
    """The file ends within a value; the text names the place."""


def entries(path: Path) -> Iterator[Record]:
    """Yield the entries of either form - header, frames, footer, others - in order. Raises Cut at a cut."""
    try:
        document = is_document(path)
        with _open(path) as stream:
            for entry in _document_entries(stream, path) if document else _line_entries(stream, path):
                if not isinstance(entry, dict):
                    raise SourceError(f"{path} is not a record: an entry of it is not an object; {ASK}")
                yield entry
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {reason(error)}.") from error


def _open(path: Path) -> TextIO:
    return open_text(path, errors="surrogateescape")  # file names may be no UTF-8


def is_document(path: Path) -> bool:
    """Whether the file is one document rather than lines: its first line is not an entry."""
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
            raise SourceError(f"{path}, line {number}, is longer than a frame's line can be; {ASK}")
        if line.isspace():
            continue
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            if not stream.readline(1):
                raise Cut(f" in line {number}") from None
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
    """Parses the JSON values of a stream one by one, without holding all of it in memory."""

    def __init__(self, stream: TextIO, path: Path) -> None:
        self._stream, self._path = stream, path
        self._decoder = json.JSONDecoder()
        self._text, self._at, self._ended = "", 0, False

    def peek(self) -> str:
        """Return the next character that is not white space. Raises Cut at the end of the file."""
        while True:
            while self._at < len(self._text):
                if not self._text[self._at].isspace():
                    return self._text[self._at]
                self._at += 1
            if not self._read():
                raise Cut

    def take(self, expected: str) -> None:
        """Consume the expected character. Raises SourceError where the next one is another."""
        found = self.peek()
        if found != expected:
            begins = f"{found!r} where {expected!r} belongs" if found.isprintable() else "it is no text"
            raise SourceError(f"{self._path} is not a record: {begins}; {ASK}")
        self._at += 1

    def value(self) -> Any:
        """Parse the next value. Raises Cut, SourceError."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if isinstance(error, RecursionError) or len(self._text) - self._at > LONGEST:
                    raise SourceError(f"{self._path} is not a record ({json_fault(error)}); {ASK}") from error
                if not self._read():
                    raise Cut from None
                continue
            # A number at the end of the buffer may be incomplete.
            if end == len(self._text) and self._read():
                continue
            self._at = end
            return value

    def _read(self) -> bool:
        """Double the buffer; False at the end of the file."""
        if self._ended:
            return False
        kept = self._text[self._at :]
        more = self._stream.read(max(_CHUNK, len(kept)))
        self._ended = not more
        self._text, self._at = kept + more, 0
        return bool(more)


def last_entry(path: Path) -> Record | None:
    """Return the footer that the file ends with; None where its last bytes do not show one."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _CHUNK))
            tail = file.read().decode("utf-8", "surrogateescape").rstrip()
        line = tail[tail.rfind("\n") + 1 :]
        last = json.loads(line[len('"footer":') : -1] if line.startswith('"footer":') else line)
    except (OSError, ValueError, RecursionError):
        return None
    return last if isinstance(last, dict) and last.get("type") == "footer" else None
