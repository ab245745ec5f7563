"""An encoded video on standard input, as a file object that PyAV can read and that can be let go of."""

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
"""Enough bytes to see which of an mp4's parts comes first."""

_POLL_S = 0.2
"""How long a read waits before it looks whether it was told to stop."""


class PipeReader(io.RawIOBase):
    """Reads a pipe without ever blocking for good: `stop` from any thread makes the next read the end."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self._head = b""
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End the stream here: reads that wait return within a moment, as at the end of the file."""
        self._stopped.set()

    def readable(self) -> bool:
        """Always."""
        return True

    def more_head(self) -> bytes:
        """All that was read and not yet taken, with whatever the pipe gives next."""
        self._head += self._read_fd(_HEAD)
        return self._head

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; b"" at the end or after `stop`."""
        size = _HEAD if size < 0 else size
        if self._head:
            taken, self._head = self._head[:size], self._head[size:]
            return taken
        return self._read_fd(size)

    def _read_fd(self, size: int) -> bytes:
        while not self._stopped.is_set():
            # Windows cannot select on a pipe: there a read waits for the writer.
            if os.name == "nt" or select.select([self._fd], [], [], _POLL_S)[0]:
                return os.read(self._fd, size)
        return b""


class SecondReader(io.RawIOBase):
    """Reads an open file beside its owner, at a position of its own (POSIX)."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = os.dup(fd)
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set where the next read begins."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: os.fstat(self._fd).st_size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._position = base + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        data = os.pread(self._fd, _HEAD if size < 0 else size, self._position)
        self._position += len(data)
        return data

    def close(self) -> None:
        """Let go of the second descriptor."""
        if not self.closed:
            os.close(self._fd)
        super().close()


def open_stdin() -> BinaryIO:
    """Standard input as something PyAV can read; seekable where it is, or had to be made, a file.

    An mp4 or mov whose index comes last cannot be read from a pipe: that one is first copied to a
    temporary file, everything else is read as it comes.

    Raises:
        SourceError: it is closed.
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
    """A nameless temporary file with everything that the pipe gives."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile(buffering=0))
        shutil.copyfileobj(pipe, file, 1 << 20)
        file.seek(0)
        stack.pop_all()
        return cast(BinaryIO, file)


def index_comes_last(head: bytes) -> bool | None:
    """Whether these first bytes are of an mp4 or mov whose data (`mdat`) precedes its index (`moov`).

    None: they do not tell yet.
    """
    position = 0
    while position + 16 <= len(head):
        size, name = struct.unpack_from(">I4s", head, position)
        if name == b"mdat":
            return True
        if name not in (b"ftyp", b"free", b"skip", b"wide", b"uuid", b"styp"):
            return False  # moov, moof, or no mp4 at all
        if size == 1:  # a 64-bit size follows the name
            (size,) = struct.unpack_from(">Q", head, position + 8)
        if size < 8:
            return False
        position += size
    return None
