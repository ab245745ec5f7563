"""A file's bytes on their way to the demuxer: what it knows and does not tell is read off here.

That is the continuity counters of a transport stream (ISO/IEC 13818-1, 2.4.3.3), where data is missing:
libavformat marks some of the packets before a break as corrupt, and none where they were short.
"""

from __future__ import annotations

import io
from collections import deque
from typing import Any, BinaryIO

import numpy as np

_SYNC = 0x47
_STRIDES = (188, 192, 204)
"""Bytes from one packet to the next: plain, with the time stamps of a camcorder, with check bytes."""

_IN_STEP = 5
"""Packets that begin with the sync byte, one behind the other, before they are taken for packets."""

_MOST_BREAKS = 10_000
_NO_PID = 0x1FFF
"""Packets that fill up the rate and say nothing."""

HEAD = 96


class Tap(io.RawIOBase):
    """The same file; `head` has its first bytes, `broke_before` tells where a stream's packets do not fit."""

    def __init__(self, file: BinaryIO) -> None:
        """Read through `file`, which stays open."""
        super().__init__()
        self._file = file
        self._at = 0
        self._counters: _Counters | None = _Counters()
        self.head = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """As the file."""
        return self._file.seekable()

    def tell(self) -> int:
        """As the file."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As the file."""
        self._at = self._file.seek(offset, whence)
        if self._counters is not None:
            self._counters.go_to(self._at)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """As the file."""
        data = self._file.read(size)
        if self._at == len(self.head) < HEAD:
            self.head = (self.head + data)[:HEAD]
        if self._counters is not None and not self._counters.feed(self._at, data):
            self._counters = None
        self._at += len(data)
        return data

    def broke_before(self, pid: int, position: int | None) -> bool:
        """Whether data of a stream is missing before a byte, since the last one asked for; None: the end."""
        return self._counters is not None and self._counters.broke_before(pid, position)


class _Counters:
    """Where the counters of each PID do not go up by one."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._rest = b""
        self._rest_at = 0
        self._stride = 0
        self._breaks: deque[tuple[int, int]] = deque(maxlen=_MOST_BREAKS)

    def go_to(self, position: int) -> None:
        """Reading goes on elsewhere; what is read again is found again."""
        self._last.clear()
        self._rest, self._rest_at = b"", position
        self._breaks = deque((one for one in self._breaks if one[0] < position), maxlen=_MOST_BREAKS)

    def broke_before(self, pid: int, position: int | None) -> bool:
        """As `Tap.broke_before`; breaks that were passed are forgotten."""
        found = False
        while self._breaks and (position is None or self._breaks[0][0] <= position):
            found |= self._breaks.popleft()[1] == pid
        return found

    def feed(self, at: int, data: bytes) -> bool:
        """The next bytes; False where this is no transport stream."""
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
        """Where packets begin; their distance is found out on the way."""
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
        """Look at packets as long as they are in step; how many bytes that were."""
        count = len(data) // self._stride
        packets = np.frombuffer(data, np.uint8, count * self._stride).reshape(count, self._stride)
        lost_step = np.flatnonzero(packets[:, 0] != _SYNC)
        if len(lost_step):
            packets = packets[: lost_step[0]]
        pids = (packets[:, 1].astype(np.int32) & 0x1F) << 8 | packets[:, 2]
        counters = packets[:, 3] & 15
        filled = packets[:, 3] & 0x10 != 0
        # The adaptation field may say that the counter starts anew.
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
        if len(packets) < count:  # bytes are missing, or too many
            found.extend((at + len(packets) * self._stride, pid) for pid in self._last)
            self._last.clear()
        self._breaks.extend(sorted(found))
        return max(1, len(packets) * self._stride)


def missing_bytes(head: bytes, size: Any) -> int:
    """How much longer an AVI or a Matroska file says that it is than its `size` in bytes; 0 of all others."""
    if not size:
        return 0
    told = 0
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        told = 8 + int.from_bytes(head[4:8], "little")
    elif head[:4] == _EBML:
        told = _told_by_matroska(head)
    return max(0, told - int(size))


_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
"""RFC 8794, 11.2.1, and RFC 9559, 5.1: a header, and the element behind it that holds everything."""


def _told_by_matroska(head: bytes) -> int:
    """Where the segment ends; 0 where its size is not known (live recordings)."""
    length, at = _sized(head, 4)
    at += length
    if head[at : at + 4] != _SEGMENT:
        return 0
    length, at = _sized(head, at + 4)
    return at + length if length else 0


def _sized(head: bytes, at: int) -> tuple[int, int]:
    """An element's size at `at` (RFC 8794, 4), 0 for "unknown", and where its content begins."""
    if at >= len(head) or not head[at]:
        return 0, at
    width = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
    return 0 if value == (1 << 7 * width) - 1 else value, at + width
