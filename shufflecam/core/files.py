"""Shared by all record writers: target checks before work starts, and crash-safe text files.

Text is flushed to the operating system after each frame, so that a killed program loses nothing that was
written. A write that fails halfway (a full disk) is rolled back to the last complete piece.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import IO, Any, TextIO

from shufflecam.core.errors import OutputError, SourceError, UsageError
from shufflecam.core.reasons import json_fault, reason
from shufflecam.core.text import parse_json

_USUAL_LONGEST_NAME = 255


def name_that_fits(folder: Path, stem: str, ending: str) -> str:
    """Return `stem` + `ending`, the stem truncated if the name is too long for the file system.

    A truncated stem carries a hash of the full one, so that long names stay distinct. Characters are never
    split: most systems count bytes of UTF-8.
    """
    room = _longest_name(folder) - len(os.fsencode(ending))
    whole = os.fsencode(stem)
    if len(whole) <= room:
        return stem + ending
    mark = "~" + hashlib.sha256(whole).hexdigest()[:8]
    kept = stem
    while kept and len(os.fsencode(kept)) > room - len(mark):
        kept = kept[:-1]
    return kept + mark + ending


def _longest_name(folder: Path) -> int:
    """Return the maximum file name length in `folder`, in bytes; the folder need not exist yet."""
    for place in (folder, *folder.parents):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return os.pathconf(place, "PC_NAME_MAX")
    return _USUAL_LONGEST_NAME


def is_there(path: Path) -> bool:
    """Whether the path exists; raises OutputError if that cannot be determined."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {reason(error)}.") from error
    return True


def check_writable(path: Path, overwrite: bool) -> None:
    """Check that `path` can be written, without changing anything.

    Raises:
        OutputError: it exists already (and `overwrite` is off), is a folder, or cannot be opened for writing.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {reason(error)}.") from error
    if mode is not None and stat.S_ISDIR(mode):
        raise OutputError(f"Cannot write {path}: it is a folder; give the name of a file.")
    if mode is not None and not stat.S_ISREG(mode):
        return  # a pipe or a device: nothing to overwrite, and opening it could block
    if mode is not None and not overwrite:
        raise OutputError(f"{path} exists already; choose another name, or add --overwrite to replace it.")
    if not path.parent.is_dir():
        raise OutputError(f"Cannot write {path}: there is no folder {path.parent}; create it first.")
    try:
        # Only a real attempt accounts for read-only file systems, quotas and the root user.
        if mode is None:
            path.open("xb").close()
            path.unlink()
        else:
            path.open("r+b").close()
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {reason(error)}; try another folder.") from error


def gone(name: str) -> str:
    """Return the message for a file that was removed while it was being written."""
    return f"{name} was removed while it was written, and nothing of it is left; run again."


class TextFile:
    """A file (or standard output) that is written incrementally.

    `tail` completes the file at any moment (the closing brackets of a JSON document): it is written after
    each piece and overwritten by the next one, so that a killed program leaves a document that parses. On
    a stream, which cannot seek, it is written once, by `close`.
    """

    def __init__(self, target: Path | TextIO, *, go_on_at: int | None = None) -> None:
        """Open `target`; with `go_on_at`, truncate an existing file to that many bytes and append to it."""
        self.name = "standard output" if not isinstance(target, Path) else str(target)
        self._stream: TextIO | None = None
        self._file: IO[bytes] | None = None
        self._failed = False
        self._end = 0
        self._tail = b""
        if not isinstance(target, Path):
            self._stream = target
            return
        try:
            self._file = target.open("wb" if go_on_at is None else "r+b", buffering=0)
            self._seekable = self._file.seekable()
            if go_on_at is not None:
                self._file.truncate(go_on_at)
                self._file.seek(go_on_at)
                self._end = go_on_at
        except OSError as error:
            raise self._error(error) from error

    def append(self, text: str, tail: str = "") -> None:
        """Append `text`, then `tail` provisionally.

        Raises:
            OutputError: the disk is full, the folder is gone, ...; what was written before stays intact.
            BrokenPipeError: the reader of standard output has closed it. Passed on unchanged, so that the
                command line can exit quietly.
        """
        try:
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
            elif self._file is not None:
                self._append(text.encode("utf-8", "surrogateescape"), tail.encode())
            else:
                raise ValueError(f"{self.name} is closed")
        except (BrokenPipeError, OutputError):
            self._failed = True
            raise
        except OSError as error:
            self._failed = True
            raise self._error(error) from error

    def close(self, text: str = "") -> None:
        """Write the last piece in place of the tail, and close. Idempotent; safe after a failure."""
        if self._stream is None and self._file is None:
            return
        try:
            if not self._failed:
                self.append(text)
            elif self._file is not None:
                # There may or may not be space for the tail again: the failure has been reported already.
                with contextlib.suppress(OSError):
                    self._append(text.encode("utf-8", "surrogateescape"), b"")
        finally:
            file, self._file, self._stream = self._file, None, None
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()

    def _append(self, text: bytes, tail: bytes) -> None:
        assert self._file is not None
        if not self._seekable:
            self._write(text)
            return
        self._file.seek(self._end)
        try:
            self._write(text + tail)
            if len(text) + len(tail) < len(self._tail):
                self._file.truncate()
        except OSError:
            # Roll back to the last complete piece; the old tail fits, it was there before.
            with contextlib.suppress(OSError):
                self._file.truncate(self._end)
                self._file.seek(self._end)
                self._write(self._tail)
            raise
        self._end += len(text)
        self._tail = tail
        if not os.fstat(self._file.fileno()).st_nlink:
            # Writing to a deleted file would succeed, and be lost.
            raise OutputError(gone(self.name))

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        view = memoryview(data)
        while view:
            written = self._file.write(view)
            if not written:
                raise OSError(28, os.strerror(28))
            view = view[written:]

    def _error(self, error: OSError) -> OutputError:
        return OutputError(
            f"Cannot write {self.name}: {reason(error)}; what was written before it is whole, "
            "make room or choose another place and run again."
        )


def read_json(path: Path, what: str) -> Any:
    """Parse a JSON file.

    Raises:
        SourceError: the file does not exist, or cannot be read.
        UsageError: it is not JSON.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"Cannot read the {what} {path}: {reason(error)}.") from error
    try:
        return parse_json(data)
    except UnicodeDecodeError as error:
        raise UsageError(f"The {what} {path} is not text; a JSON file is expected.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The {what} {path} is not JSON ({json_fault(error)}).") from error


def refuse_same_file(output: Path | str | None, source: str, option: str) -> None:
    """Raise UsageError if an output is the same file as the input (links included)."""
    if output is None or str(output) == "-" or source == "-":
        return
    try:
        same = os.path.samefile(output, source)
    except OSError:
        same = os.path.realpath(output) == os.path.realpath(source)
    if same:
        raise UsageError(f"{option} {output} is the input itself; choose another name.")
