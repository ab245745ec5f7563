"""Detect truncation: compare what was read of a file with its header and index."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av

EXACT_INDEX = frozenset({"mov", "avi"})
"""Containers whose header states a stream's number of pictures, and whose index has an entry for each."""

TRUE_DURATION = frozenset({"matroska", "webm", "flv"})
"""Containers whose header states the total duration, including audio."""

_MOST_B_FRAMES = 4
"""Maximum consecutive B-frames, as encoders are commonly configured."""

_USUAL_RATE = Fraction(25)


class Ending:
    """Records the packets of one pass, and determines what should have followed them."""

    def __init__(self, container: Any, stream: Any, rate: Fraction | None, *, missing_bytes: int = 0) -> None:
        """Start before the first packet; `rate` is nominal, `missing_bytes` are known to be cut off."""
        self._container, self._stream = container, stream
        self._formats = set(container.format.name.split(","))
        self._rate = rate or _USUAL_RATE
        self._told_rate = rate
        self._missing_bytes = missing_bytes
        self._start = Fraction(container.start_time or 0, av.time_base)
        self.start_again(sought=False)

    def start_again(self, *, sought: bool) -> None:
        """Reset for a new pass; `sought`: one that does not begin at the first picture."""
        self._sought = sought
        self._read = 0
        self._first: Fraction | None = None
        self._reached = Fraction(-1)

    @property
    def at_s(self) -> float:
        """Return the end of what was read, in seconds."""
        return max(float(self._reached), 0.0)

    def met(self, packet: av.Packet) -> None:
        """Record a non-empty video or audio packet."""
        begin = packet.pts if packet.pts is not None else packet.dts
        if packet.stream_index == self._stream.index:
            self._read += 1
            if begin is not None:
                first = begin * packet.time_base
                self._first = first if self._first is None else min(self._first, first)
        elif not self._formats & TRUE_DURATION:
            return
        if begin is not None and not packet.is_corrupt:
            self._reached = max(self._reached, (begin + (packet.duration or 0)) * packet.time_base)

    def cut_in_half(self) -> bool:
        """Record that the last video packet is truncated; return True if the end of the file is cut off."""
        self._read -= 1
        return self.short_by() is not None

    def short_by(self) -> Fraction | None:
        """Return by how many seconds the file ends before its stated end; None if it does not."""
        frame_s = 1 / self._rate
        if self._formats & EXACT_INDEX and self._stream.duration and self._stream.frames:
            if not self._sought and self._read >= self._stream.frames:
                return None
            start = (self._stream.start_time or 0) * self._stream.time_base
            if not self._sought and self._read:  # AVI's time base may be finer than its picture spacing
                frame_s = max(frame_s, (self._reached - start) / self._read)
            missing = self._told_end() - self._reached
            return missing if missing > 2 * frame_s else None
        if self._formats & TRUE_DURATION and self._container.duration:
            missing = self._told_end() - self._reached
            return missing if missing > max(Fraction(1, 4), 2 * frame_s) else None
        return None

    def lost(self) -> int:
        """Return the number of pictures missing against index or header, or estimated from the rate."""
        short = self.short_by()
        if not self._formats & EXACT_INDEX or self._sought:
            if short is not None:
                return max(1, self._by_time(self._told_end()))
            # A cut among the last B-frames leaves the last picture but not all others; or an index is lost.
            tells = self._formats & TRUE_DURATION and self._container.duration  # a cut may remove it
            cut = self._missing_bytes and tells and not self._sought
            return max(0, self._by_time(self._told_end())) if cut else 0
        by_index = len(self._stream.index_entries) - self._read
        if short is None or "avi" not in self._formats:
            return max(0, by_index)
        # The index of an AVI comes last: if truncated, only its header is left, which also counts repeats.
        return max(1, by_index, self._by_time(self._told_end()))

    def _told_end(self) -> Fraction:
        if "avi" in self._formats and self._missing_bytes:  # the reported duration is derived from its size
            return Fraction(self._stream.frames * self._stream.time_base)
        if self._formats & EXACT_INDEX:
            start = self._stream.start_time or 0
            return Fraction((start + self._stream.duration) * self._stream.time_base)
        # FLV counts from 0, regardless of its first timestamp.
        start_s = Fraction(0) if "flv" in self._formats else self._start
        return start_s + Fraction(self._container.duration, av.time_base)

    def _by_time(self, end: Fraction) -> int:
        """Return the number of pictures expected up to `end`, minus those read."""
        first = self._first if self._first is not None and "avi" not in self._formats else self._start
        read_s = self._reached - first
        usual = self._read / read_s if read_s > 0 and self._read else self._rate
        near = self._told_rate is not None and abs(usual - self._rate) < self._rate / 10
        if self._told_rate is not None and self._stream.codec_context.has_b_frames:
            # B-frames follow their reference picture in the file: a cut may lose those in between.
            near = near or self._read >= read_s * self._rate - _MOST_B_FRAMES
        return round((end - first) * (self._rate if near or self._read < 2 else usual)) - self._read
