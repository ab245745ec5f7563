"""Count the pictures missing from a video: one is expected per packet that contains one, plus gaps.

The decoder may legitimately withhold what precedes the first key frame, its leading pictures (open GOPs),
packets that the container marks for discarding, and packets that show nothing (see `shown`). Every other
packet must produce a picture, whatever the library reports: this also reveals faults of the reader itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av

from shufflecam.core.missing import Missing
from shufflecam.sources.damage.gaps import Gaps
from shufflecam.sources.damage.shown import shows_picture

_MOST_WAITING = 160
"""Maximum packets held by a decoder: 16 threads and 16 for reordering, doubled for fields, plus a margin."""


@dataclass
class _Waiting:
    """Packets of one key whose pictures have not been decoded yet."""

    at_s: float
    expected: int = 0
    excused: int = 0


class PictureCount:
    """Accounts for one stream: call `sent` for every packet, `given` for every picture, then `ended`."""

    def __init__(self, stream: Any, *, counts_gaps: bool) -> None:
        """Create an empty account.

        Args:
            stream: the video stream.
            counts_gaps: whether a gap between packets near damage counts as lost pictures (for containers
                without an exact index).
        """
        self._time_base = float(stream.time_base)
        self._shows: Callable[[Any], bool] = shows_picture(stream)
        self._counts_gaps = counts_gaps
        self._may_be_fields = stream.codec_context.codec.canonical_name in ("h264", "hevc")
        rate = stream.guessed_rate or stream.average_rate
        self._nominal_step = round(1 / (float(rate) * self._time_base)) if rate else 0
        self.from_s, self.until_s = -math.inf, math.inf
        """Losses outside this interval are ignored."""
        self.start_again()

    def start_again(self) -> None:
        """Reset the account after a seek: the decoder starts at a key frame again."""
        self._damaged = self._undecodable = self._spare = self._errors = 0
        self._waiting: dict[int | None, _Waiting] = {}
        self._held = self._halves = 0
        self._fields = False
        self._key_frame: int | None = None
        self._leads = self._begun = False
        self._gaps = Gaps(self._time_base, self._nominal_step) if self._counts_gaps else None
        self._first_s, self._latest_s = math.inf, -math.inf

    def sent(self, packet: av.Packet, key: int | None = None, *, broken: bool = False) -> None:
        """Record a non-empty packet about to be decoded, in file order.

        Args:
            packet: the container's packet.
            key: the PTS that its picture will have, if not the packet's own.
            broken: whether data is missing between the start of the previous packet and of this one.
        """
        if self._gaps is not None:
            self._gaps.met(packet, broken=broken)
        if packet.is_discard or not self._shows(packet):
            return
        key = packet.pts if key is None else key
        waiting = self._waiting.setdefault(key, _Waiting(self._seconds(packet.pts)))
        if self._is_excused(packet):
            waiting.excused += 1
        else:
            waiting.expected += 1
        self._held += 1
        while self._held > _MOST_WAITING:
            self._give_up(next(iter(self._waiting)))

    def cut_in_half(self, packet: av.Packet) -> None:
        """Record a packet truncated by the end of the file, which is not decoded."""
        self._halves += 1
        self._miss(self._seconds(packet.pts), 1)

    def failed(self) -> None:
        """Record a decoding error; with threads, the decoder does not identify the packet."""
        self._errors += self._begun

    def given(self, frame: av.VideoFrame) -> None:
        """Record a picture returned by the decoder."""
        key = frame.pts if frame.pts in self._waiting else None
        waiting = self._waiting.get(key)
        at_s = math.nan if waiting is None else waiting.at_s
        if waiting is None:
            self._spare += self._begun  # a second picture of a packet, or a PTS known only to the decoder
        else:
            self._held -= 1
            if waiting.expected:
                waiting.expected -= 1
            else:
                waiting.excused -= 1
            if not waiting.expected and not waiting.excused:
                del self._waiting[key]
        self._begun = True
        # Broadcasts and camcorders may code a picture's two fields separately, each in its own packet; only
        # the slice headers identify those packets.
        self._fields = self._fields or (self._may_be_fields and bool(frame.interlaced_frame))
        self._latest_s = max(self._latest_s, -math.inf if math.isnan(at_s) else at_s)
        if frame.is_corrupt and self._is_wanted(at_s):
            self._damaged += 1
            self._found(at_s)

    def given_late(self, at_s: float) -> None:
        """Record a picture from another decoder, identified by its packet's timestamp."""
        for key, waiting in self._waiting.items():
            if waiting.expected and abs(waiting.at_s - at_s) < self._time_base / 2:
                waiting.expected, self._held = waiting.expected - 1, self._held - 1
                if not waiting.expected and not waiting.excused:
                    del self._waiting[key]
                return
        self._spare += 1

    def ended(self, *, broken: bool = False, settle: bool = True) -> None:
        """Close the account: the decoder is empty, or holds only pictures from `until_s` on.

        Args:
            broken: whether data is missing after the start of the last packet.
            settle: whether the packets' own timestamps determine what begins before `until_s`.
        """
        whole = math.isinf(self.until_s)
        for key, waiting in list(self._waiting.items()):
            if settle and (whole or not math.isnan(waiting.at_s)):
                self._give_up(key)
        if self._errors and not (self._undecodable or self._damaged):
            self._damaged = self._errors  # a slice or field: the pictures were decoded nonetheless
        if self._gaps is not None:
            self._gaps.ended(broken=broken)

    def waits(self) -> bool:
        """Return whether pictures after the last one are outstanding."""
        behind = (one for one in self._waiting.values() if not one.at_s <= self._latest_s)
        return any(one.expected for one in behind)

    @property
    def missing(self) -> Missing:
        """Return the counts so far."""
        gaps = self._gaps
        undecodable = max(0, self._undecodable - self._spare)
        if self._fields:  # the count proves nothing: only reported decoding errors remain
            undecodable = min(undecodable, self._errors + self._halves)
        marked = 0 if gaps is None else gaps.marked_between(self.from_s, self.until_s)
        return Missing(
            damaged=self._damaged + marked,
            undecodable=undecodable,
            lost=0 if gaps is None else gaps.lost_between(self.from_s, self.until_s),
        )

    @property
    def first_s(self) -> float | None:
        """Return the earliest time in seconds at which something is missing, if known."""
        first_s = self._first_s
        if self._gaps is not None:
            first_s = min(first_s, self._gaps.first_between(self.from_s, self.until_s))
        return first_s if math.isfinite(first_s) else None

    def _is_excused(self, packet: av.Packet) -> bool:
        """Return whether no picture is due: there is no key frame yet, or this leads the first one."""
        if not self._begun:
            if not packet.is_keyframe:
                return True
            self._begun = self._leads = True
            self._key_frame = packet.pts
            return False
        if self._leads and packet.pts is not None and self._key_frame is not None:
            self._leads = packet.pts < self._key_frame
            return self._leads
        return False

    def _give_up(self, key: int | None) -> None:
        waiting = self._waiting.pop(key)
        self._held -= waiting.expected + waiting.excused
        self._miss(waiting.at_s, waiting.expected)

    def _miss(self, at_s: float, count: int) -> None:
        if count and self._is_wanted(at_s):
            self._undecodable += count
            self._found(at_s)

    def _found(self, at_s: float) -> None:
        if not math.isnan(at_s):
            self._first_s = min(self._first_s, at_s)
            if self._gaps is not None:
                self._gaps.damage(at_s)

    def _is_wanted(self, at_s: float) -> bool:
        return math.isnan(at_s) or self.from_s <= at_s < self.until_s

    def _seconds(self, pts: int | None) -> float:
        return math.nan if pts is None else pts * self._time_base


def said_of(missing: Missing, first_s: float | None = None) -> str:
    """Return what is missing from a video, as a clause without a full stop; "" if nothing is."""
    parts = [
        (missing.undecodable, "could not be decoded"),
        (missing.lost, "is lost" if missing.lost == 1 else "are lost"),
        (missing.damaged, "is damaged" if missing.damaged == 1 else "are damaged"),
    ]
    said = [f"{count} {what}" for count, what in parts if count]
    if not said:
        return ""
    said[0] = said[0].replace(" ", " of its pictures ", 1)
    first = "" if first_s is None else f" (the first at {max(first_s, 0.0):.2f} s)"
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said) + first
