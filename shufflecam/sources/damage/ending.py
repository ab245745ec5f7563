"""How far a file was read, against what its header and index promise: where it ends, and what is lost."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av

EXACT_INDEX = frozenset({"mov", "avi"})
"""Containers whose header counts the pictures of a stream, and whose index has an entry for each."""

TRUE_DURATION = frozenset({"matroska", "webm", "flv"})
"""Containers whose header has the duration of the whole, sound included."""

_MOST_B_FRAMES = 4
"""Between a picture and the one before it in time, as encoders are commonly set."""

_USUAL_RATE = Fraction(25)


class Ending:
    """Notes the packets of one reading; then knows what should have come behind them."""

    def __init__(self, container: Any, stream: Any, rate: Fraction | None, *, missing_bytes: int = 0) -> None:
        """`rate` is the nominal one of the video `stream`; `missing_bytes` are known to be cut off."""
        self._container, self._stream = container, stream
        self._formats = set(container.format.name.split(","))
        self._rate = rate or _USUAL_RATE
        self._told_rate = rate
        self._missing_bytes = missing_bytes
        self._start = Fraction(container.start_time or 0, av.time_base)
        self.start_again(sought=False)

    def start_again(self, *, sought: bool) -> None:
        """Reading begins (anew): with `sought` not at the first picture."""
        self._sought = sought
        self._read = 0
        self._first: Fraction | None = None
        self._reached = Fraction(-1)

    @property
    def at_s(self) -> float:
        """The end of what was read, in seconds."""
        return max(float(self._reached), 0.0)

    def met(self, packet: av.Packet) -> None:
        """A packet with data, of the video or of its sound."""
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
        """The last packet of the video is not whole. True where it is one of those that are cut off."""
        self._read -= 1
        return self.short_by() is not None

    def short_by(self) -> Fraction | None:
        """By how many seconds the end came before the one that the header tells; None where it did not."""
        frame_s = 1 / self._rate
        if self._formats & EXACT_INDEX and self._stream.duration and self._stream.frames:
            if not self._sought and self._read >= self._stream.frames:
                return None
            start = (self._stream.start_time or 0) * self._stream.time_base
            if not self._sought and self._read:  # AVI may count in shorter steps than it has pictures
                frame_s = max(frame_s, (self._reached - start) / self._read)
            missing = self._told_end() - self._reached
            return missing if missing > 2 * frame_s else None
        if self._formats & TRUE_DURATION and self._container.duration:
            missing = self._told_end() - self._reached
            return missing if missing > max(Fraction(1, 4), 2 * frame_s) else None
        return None

    def lost(self) -> int:
        """Pictures that index or header promise and that are not there; by the rate where nothing counts."""
        short = self.short_by()
        if not self._formats & EXACT_INDEX or self._sought:
            if short is not None:
                return max(1, self._by_time(self._told_end()))
            # Cut among the last B-frames, the last picture is there and others are not; or an index is gone.
            tells = self._formats & TRUE_DURATION and self._container.duration  # a cut may take it away
            cut = self._missing_bytes and tells and not self._sought
            return max(0, self._by_time(self._told_end())) if cut else 0
        by_index = len(self._stream.index_entries) - self._read
        if short is None or "avi" not in self._formats:
            return max(0, by_index)
        # The index of an AVI comes last: cut short, it has but its header, which counts repetitions too.
        return max(1, by_index, self._by_time(self._told_end()))

    def _told_end(self) -> Fraction:
        if "avi" in self._formats and self._missing_bytes:  # what is told as its duration fits its size
            return Fraction(self._stream.frames * self._stream.time_base)
        if self._formats & EXACT_INDEX:
            start = self._stream.start_time or 0
            return Fraction((start + self._stream.duration) * self._stream.time_base)
        # FLV counts from 0, whatever its first time.
        start_s = Fraction(0) if "flv" in self._formats else self._start
        return start_s + Fraction(self._container.duration, av.time_base)

    def _by_time(self, end: Fraction) -> int:
        """Pictures that would be there up to `end`, less those that were read."""
        first = self._first if self._first is not None and "avi" not in self._formats else self._start
        read_s = self._reached - first
        usual = self._read / read_s if read_s > 0 and self._read else self._rate
        near = self._told_rate is not None and abs(usual - self._rate) < self._rate / 10
        if self._told_rate is not None and self._stream.codec_context.has_b_frames:
            # The picture that B-frames refer to comes before them: a cut may lose those in between.
            near = near or self._read >= read_s * self._rate - _MOST_B_FRAMES
        return round((end - first) * (self._rate if near or self._read < 2 else usual)) - self._read
