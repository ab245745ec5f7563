"""Encoded video on standard input, as a file object that PyAV can read and that can be stopped."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import shutil
import stat
import struct
import sys
import tempfile
import threading
from typing import BinaryIO, cast

from shufflecam.core.errors import SourceError

_HEAD = 1 << 16
"""Number of bytes sufficient to see which box of an mp4 comes first."""

_POLL_S = 0.2
"""Interval at which a waiting read checks whether it was stopped."""


class PipeReader(io.RawIOBase):
    """Reads a pipe without blocking indefinitely: after `stop`, from any thread, reads return the end."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self._head = b""
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the stream here: waiting reads return shortly, as at the end of the file."""
        self._stopped.set()

    def readable(self) -> bool:
        """Return True."""
        return True

    def more_head(self) -> bytes:
        """Return all bytes read ahead so far, extended by the next ones from the pipe."""
        self._head += self._read_fd(_HEAD)
        return self._head

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; b"" at the end or after `stop`."""
        size = _HEAD if size < 0 else size
        if self._head:
            taken, self._head = self._head[:size], self._head[size:]
            return taken
        return self._read_fd(size)

    def _read_fd(self, size: int) -> bytes:
        while not self._stopped.is_set():
            # Windows cannot select on a pipe: there a read blocks until the writer writes.
            if os.name == "nt" or select.select([self._fd], [], [], _POLL_S)[0]:
                return os.read(self._fd, size)
        return b""


class SecondReader(io.RawIOBase):
    """Reads an open file independently of its owner, with a separate position (POSIX)."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = os.dup(fd)
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set and return the position of the next read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: os.fstat(self._fd).st_size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._position = base + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        data = os.pread(self._fd, _HEAD if size < 0 else size, self._position)
        self._position += len(data)
        return data

    def close(self) -> None:
        """Close the duplicated descriptor."""
        if not self.closed:
            os.close(self._fd)
        super().close()


def open_stdin() -> BinaryIO:
    """Return standard input as a file object for PyAV; seekable if it is a file, or had to be copied to one.

    An mp4 or mov whose index comes last cannot be read from a pipe and is first copied to a temporary file;
    everything else is streamed.

    Raises:
        SourceError: standard input is closed.
    """
    if sys.stdin is None:
        raise SourceError("Standard input is closed; pipe a video in, or give a file.")
    fd = sys.stdin.fileno()
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return os.fdopen(os.dup(fd), "rb", buffering=0)
    pipe = PipeReader(fd)
    head, last = b"", None
    while last is None and len(head) < _HEAD:
        before, head = head, pipe.more_head()
        if head == before:  # the end
            break
        last = index_comes_last(head)
    return _spooled(pipe) if last else cast(BinaryIO, pipe)


def _spooled(pipe: PipeReader) -> BinaryIO:
    """Return an anonymous temporary file with the pipe's entire content."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile(buffering=0))
        shutil.copyfileobj(pipe, file, 1 << 20)
        file.seek(0)
        stack.pop_all()
        return cast(BinaryIO, file)


def index_comes_last(head: bytes) -> bool | None:
    """Return whether these first bytes are of an mp4 or mov whose data (`mdat`) precedes its index (`moov`).

    None: not yet known.
    """
    position = 0
    while position + 16 <= len(head):
        size, name = struct.unpack_from(">I4s", head, position)
        if name == b"mdat":
            return True
        if name not in (b"ftyp", b"free", b"skip", b"wide", b"uuid", b"styp"):
            return False  # moov, moof, or not an mp4
        if size == 1:  # a 64-bit size follows the name
            (size,) = struct.unpack_from(">Q", head, position + 8)
        if size < 8:
            return False
        position += size
    return None
