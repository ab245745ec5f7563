"""The file that a video is written into: every byte, or a clear sentence."""

from __future__ import annotations

import errno
import os
from typing import Any, BinaryIO

import av

from shufflecam.core.errors import OutputError
from shufflecam.core.reasons import reason


class WholeWrites:
    """A raw file that writes all of what it is given, or fails and says so from then on.

    On a disk that is nearly full the system takes a part and calls it success. PyAV passes that number on
    and the muxer does not look at it, so that half a fragment would stand in the file unnoticed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        """All of it. Raises OSError."""
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
        """Everything else is the file's."""
        return getattr(self._file, name)


def create(path: str, overwrite: bool) -> WholeWrites:
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0) | (os.O_TRUNC if overwrite else os.O_EXCL)
    try:
        return WholeWrites(os.fdopen(os.open(path, flags, 0o666), "wb", buffering=0))
    except FileExistsError:
        raise OutputError(f"{path} is already there; choose another name or give --overwrite.") from None
    except (OSError, ValueError) as error:
        raise OutputError(why_not_written(path, error, 0)) from error


def why_not_written(path: str, error: Exception, frames: int) -> str:
    # Only what the system said: the libraries use the same numbers for reasons of their own.
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
