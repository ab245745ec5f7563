"""The file behind an output video: it writes every byte or fails with a clear message."""

from __future__ import annotations

import errno
import os
from typing import Any, BinaryIO

import av

from shufflecam.core.errors import OutputError
from shufflecam.core.reasons import reason


class WholeWrites:
    """A raw file that writes all the data it is given, or raises and keeps the error in `failure`.

    On a nearly full disk the system writes a part and reports success. PyAV passes that count on and the
    muxer ignores it, so that an incomplete fragment would remain in the file unnoticed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of `data` and return its length in bytes. Raises OSError."""
        view = memoryview(data).cast("B")
        done = 0
        try:
            while done < len(view):
                written = self._file.write(view[done:])
                if not written:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                done += written
        except OSError as error:
            self.failure = error
            raise
        return done

    def __getattr__(self, name: str) -> Any:
        """Delegate everything else to the file."""
        return getattr(self._file, name)


def create(path: str, overwrite: bool) -> WholeWrites:
    """Open a new file for writing; an existing one is replaced only with `overwrite`. Raises OutputError."""
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0) | (os.O_TRUNC if overwrite else os.O_EXCL)
    try:
        return WholeWrites(os.fdopen(os.open(path, flags, 0o666), "wb", buffering=0))
    except FileExistsError:
        raise OutputError(f"{path} is already there; choose another name or give --overwrite.") from None
    except (OSError, ValueError) as error:
        raise OutputError(why_not_written(path, error, 0)) from error


def why_not_written(path: str, error: Exception, frames: int) -> str:
    """Return the message for an error while writing `path`, after `frames` frames were written."""
    # Only errors of the system: the libraries use the same numbers with meanings of their own.
    number = None if isinstance(error, av.error.FFmpegError) else getattr(error, "errno", None)
    parent = os.path.dirname(path) or "."
    kept = " What was written until then can be played." if frames else ""
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"{path} cannot be written further: the disk is full; free some space.{kept}"
    if number == errno.ENOENT:
        return f"{path} cannot be written: there is no folder {parent}; make it first."
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path} cannot be written: no permission to write in {parent}; choose another place."
    if number == errno.EISDIR:
        return f"{path} is a folder; give the name of a file."
    return f"{path} cannot be written: {reason(error)}.{kept}"
