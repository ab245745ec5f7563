"""Inspect a file's bytes on their way to the demuxer, for information that it does not expose.

Namely the continuity counters of a transport stream (ISO/IEC 13818-1, 2.4.3.3), which reveal missing data:
libavformat marks some of the packets before a break as corrupt, and none if they were short.
"""

from __future__ import annotations

import io
from collections import deque
from typing import Any, BinaryIO

import numpy as np

_SYNC = 0x47
_STRIDES = (188, 192, 204)
"""Packet sizes in bytes: plain, with camcorder timestamps, with check bytes."""

_IN_STEP = 5
"""Consecutive packets that must begin with the sync byte for synchronisation."""

_MOST_BREAKS = 10_000
_NO_PID = 0x1FFF
"""Null packets, which only pad the bit rate."""

HEAD = 96


class Tap(io.RawIOBase):
    """Passes a file through; `head` has its first bytes, `broke_before` reports breaks in a stream."""

    def __init__(self, file: BinaryIO) -> None:
        """Read through `file`, which stays open."""
        super().__init__()
        self._file = file
        self._at = 0
        self._counters: _Counters | None = _Counters()
        self.head = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return whether the file is seekable."""
        return self._file.seekable()

    def tell(self) -> int:
        """Return the file's position."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set and return the file's position."""
        self._at = self._file.seek(offset, whence)
        if self._counters is not None:
            self._counters.go_to(self._at)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read from the file, and inspect the bytes."""
        data = self._file.read(size)
        if self._at == len(self.head) < HEAD:
            self.head = (self.head + data)[:HEAD]
        if self._counters is not None and not self._counters.feed(self._at, data):
            self._counters = None
        self._at += len(data)
        return data

    def broke_before(self, pid: int, position: int | None) -> bool:
        """Return whether a stream lacks data between the last queried byte and this one; None: the end."""
        return self._counters is not None and self._counters.broke_before(pid, position)


class _Counters:
    """Detects where the continuity counter of a PID does not increase by one."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._rest = b""
        self._rest_at = 0
        self._stride = 0
        self._breaks: deque[tuple[int, int]] = deque(maxlen=_MOST_BREAKS)

    def go_to(self, position: int) -> None:
        """Reset for reading from another position; breaks beyond it will be detected again."""
        self._last.clear()
        self._rest, self._rest_at = b"", position
        self._breaks = deque((one for one in self._breaks if one[0] < position), maxlen=_MOST_BREAKS)

    def broke_before(self, pid: int, position: int | None) -> bool:
        """Implement `Tap.broke_before`; breaks that were passed are discarded."""
        found = False
        while self._breaks and (position is None or self._breaks[0][0] <= position):
            found |= self._breaks.popleft()[1] == pid
        return found

    def feed(self, at: int, data: bytes) -> bool:
        """Process the next bytes; return False if this is not a transport stream."""
        if not self._rest:
            self._rest_at = at
        data = self._rest + data
        while len(data) >= _IN_STEP * _STRIDES[-1]:
            begin = self._in_step(data)
            if begin is None:
                if not self._stride:
                    return False
                kept = min(len(data), _IN_STEP * _STRIDES[-1] - 1)
                self._rest_at, data = self._rest_at + len(data) - kept, data[len(data) - kept :]
                break
            used = begin + self._take(data[begin:], self._rest_at + begin)
            self._rest_at, data = self._rest_at + used, data[used:]
        self._rest = data
        return True

    def _in_step(self, data: bytes) -> int | None:
        """Return the offset of the first packet, or None; also determines the packet size."""
        for stride in (self._stride,) if self._stride else _STRIDES:
            for begin in range(len(data) - (_IN_STEP - 1) * stride):
                there = data[begin : begin + _IN_STEP * stride : stride]
                if there[0] == _SYNC and there.count(_SYNC) == _IN_STEP:
                    self._stride = stride
                    return begin
                if not self._stride and begin >= stride:
                    break
        return None

    def _take(self, data: bytes, at: int) -> int:
        """Process packets while synchronised; return the number of bytes consumed."""
        count = len(data) // self._stride
        packets = np.frombuffer(data, np.uint8, count * self._stride).reshape(count, self._stride)
        lost_step = np.flatnonzero(packets[:, 0] != _SYNC)
        if len(lost_step):
            packets = packets[: lost_step[0]]
        pids = (packets[:, 1].astype(np.int32) & 0x1F) << 8 | packets[:, 2]
        counters = packets[:, 3] & 15
        filled = packets[:, 3] & 0x10 != 0
        # The adaptation field may signal a discontinuity of the counter.
        anew = (packets[:, 3] & 0x20 != 0) & (packets[:, 4] > 0) & (packets[:, 5] & 0x80 != 0)
        found: list[tuple[int, int]] = []
        for pid in np.unique(pids[filled]).tolist():
            if pid == _NO_PID:
                continue
            rows = np.flatnonzero((pids == pid) & filled)
            now = counters[rows].astype(np.int32)
            before = np.concatenate([[self._last.get(pid, -1)], now[:-1]])
            fits = (before < 0) | (now == (before + 1) % 16) | (now == before) | anew[rows]
            found.extend((at + int(row) * self._stride, pid) for row in rows[~fits])
            self._last[pid] = int(now[-1])
        if len(packets) < count:  # bytes are missing or surplus
            found.extend((at + len(packets) * self._stride, pid) for pid in self._last)
            self._last.clear()
        self._breaks.extend(sorted(found))
        return max(1, len(packets) * self._stride)


def missing_bytes(head: bytes, size: Any) -> int:
    """Return how many bytes an AVI or Matroska file is shorter than its header states; otherwise 0."""
    if not size:
        return 0
    told = 0
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        told = 8 + int.from_bytes(head[4:8], "little")
    elif head[:4] == _EBML:
        told = _told_by_matroska(head)
    return max(0, told - int(size))


_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
"""RFC 8794, 11.2.1, and RFC 9559, 5.1: the header, and the element after it that contains everything."""


def _told_by_matroska(head: bytes) -> int:
    """Return the end of the segment; 0 if its size is unknown (live recordings)."""
    length, at = _sized(head, 4)
    at += length
    if head[at : at + 4] != _SEGMENT:
        return 0
    length, at = _sized(head, at + 4)
    return at + length if length else 0


def _sized(head: bytes, at: int) -> tuple[int, int]:
    """Return the element size at `at` (RFC 8794, 4), 0 for "unknown", and the offset of its content."""
    if at >= len(head) or not head[at]:
        return 0, at
    width = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
    return 0 if value == (1 << 7 * width) - 1 else value, at + width
