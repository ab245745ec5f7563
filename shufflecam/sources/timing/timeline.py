"""Strictly increasing timestamps from clocks that restart, jump, stall or are missing.

Free of I/O. There are two steps, because packets are in decoding order and pictures in presentation order:

- `Runs` processes packets. While their clock is continuous they belong to one run; where it falls back, or
  jumps by more than any pause, a new run starts, which the file's other streams join when their clocks do
  the same.
- `Timeline` processes pictures. Within a run they keep their timestamps; the first picture of a later run
  follows the last one by one frame duration, and the entire run, audio included, is shifted with it.

Genuine pauses and variable frame rates are preserved.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterable
from fractions import Fraction

from shufflecam.sources.timing.mended import Mended
from shufflecam.sources.timing.runs import LEAP_S, REORDERED, Runs, Stamp

_STAMPS_KEPT = 512


_EPS_S = 1e-6
"""Containers resolve at least microseconds: smaller differences are treated as equal."""

_LEAST_STEP = 1 / 16
"""Minimum spacing of pictures with equal timestamps, as a fraction of the frame duration."""

_USUAL_S = Fraction(1, 25)


class Timeline:
    """Assigns each picture a timestamp later than the previous one.

    `read` and `lead_in` take packets in decoding order, `show` pictures in presentation order, each
    identified by the number of the packet that it was decoded from.
    """

    def __init__(self, frame_s: Fraction | None, *, decoding_order: bool = False) -> None:
        """Create an empty timeline.

        Args:
            frame_s: nominal duration of a picture in seconds, if known.
            decoding_order: whether the container has decoding timestamps only, which are assigned to the
                pictures in increasing order.
        """
        self._frame_s = frame_s
        self._decoding_order = decoding_order
        self._stamps: OrderedDict[int, Stamp] = OrderedDict()
        self._slots: list[tuple[int, float]] = []
        self._awaited: OrderedDict[int, None] = OrderedDict()
        self._next_number = 0
        self._offsets: OrderedDict[int, float] = OrderedDict()
        self._last_s: float | None = None
        self._last_exact: Fraction | None = None
        self._last: Stamp | None = None
        self._raw_s = 0.0
        self._told_s = 0.0
        self._told_step_s = 0.0
        self._fallen = False
        self._slip_s = 0.0
        self._lead: deque[float] = deque()
        self.mended = Mended()
        """The repairs needed to make timestamps increase."""

    @property
    def last_s(self) -> float | None:
        """Return the timestamp of the last picture."""
        return self._last_s

    def offset_s(self, run: int) -> float | None:
        """Return the shift of the run's timestamps in seconds; None before its first picture."""
        return self._offsets.get(run)

    def read(self, stamp: Stamp) -> int:
        """Record a packet that is sent to the decoder, and return its number."""
        number = self._next_number
        self._next_number += 1
        self._stamps[number] = stamp
        if len(self._stamps) > _STAMPS_KEPT:
            self._stamps.popitem(last=False)
        if self._decoding_order and stamp.dts_s is not None:
            heapq.heappush(self._slots, (stamp.run, stamp.dts_s))
            self._awaited[number] = None
        return number

    def lead_in(self, without: int, told_s: Iterable[float], duration_s: Fraction = Fraction(0)) -> None:
        """Infer the timestamps of the first `without` packets, which have none, from those of later ones.

        They are extrapolated backwards from the earliest timestamp. `duration_s` is the first packet's
        duration, used if the nominal one is unknown.
        """
        first_s, step_s = min(told_s), float(self._frame_s or duration_s or _USUAL_S)
        self._lead.extend(first_s - (without - k) * step_s for k in range(without))
        self.mended.leading = without

    def show(self, number: int | None) -> float:
        """Return the timestamp in seconds of the next picture, of packet `number` (None: unknown)."""
        stamp = self._stamps.get(number) if number is not None else None
        told_s = self._told(number, stamp)
        if stamp is None or told_s is None:
            time_s = self._untold()
        else:
            self._lead.clear()
            time_s = self._rising(told_s + self._offset(stamp.run, told_s))
            self._last_exact = None
        self._last_s = time_s
        self._last = stamp
        return time_s

    def _told(self, number: int | None, stamp: Stamp | None) -> float | None:
        if not self._decoding_order:
            return stamp.pts_s if stamp is not None else None
        if number is not None:
            self._awaited.pop(number, None)
            while self._awaited and next(iter(self._awaited)) < number - REORDERED:
                self._awaited.popitem(last=False)  # lost in decoding, with its timestamp
                heapq.heappop(self._slots)
        return heapq.heappop(self._slots)[1] if self._slots else None

    def _offset(self, run: int, told_s: float) -> float:
        offset_s = self._offsets.get(run)
        if offset_s is None:
            offset_s = 0.0
            if self._last_s is not None and self._offsets:
                self.mended.note_run(self._last_s, told_s - self._raw_s)
                offset_s = self._last_s + float(self._step()) - told_s
                self._slip_s = 0.0
            self._offsets[run] = offset_s
            while len(self._offsets) > _STAMPS_KEPT:
                self._offsets.popitem(last=False)
        self._raw_s = told_s
        return offset_s

    def _rising(self, time_s: float) -> float:
        """Return the timestamp if it is later than the last one, otherwise the nearest suitable one."""
        last_s = self._last_s
        if last_s is None or time_s > last_s + _EPS_S:
            if last_s is not None:
                self._told_step_s = time_s - self._told_s
            self._told_s, self._fallen, self._slip_s = time_s, False, 0.0
            return time_s
        frame_s = float(self._step())
        slipped_s, next_s = time_s + self._slip_s, last_s + frame_s
        is_nearer = abs(slipped_s - next_s) <= abs(time_s - next_s)
        if self._slip_s and is_nearer and slipped_s > last_s + _EPS_S:
            return slipped_s
        self.mended.note_not_rising(last_s)
        is_repeated = abs(time_s - self._told_s) <= _EPS_S
        if not self._slip_s and (is_repeated or not self._fallen):
            # Repeated or out of order: placed between the last one and the expected next one, which keeps
            # its own timestamp.
            self._fallen = not is_repeated
            room_s = self._told_s + max(self._told_step_s, frame_s) - last_s
            step_s = min(frame_s, room_s / 2)
            if step_s >= frame_s * _LEAST_STEP:
                return last_s + step_s
        # All timestamps from here on are too early: keep their spacing until they catch up.
        self._slip_s = last_s + frame_s - time_s
        return last_s + frame_s

    def _untold(self) -> float:
        if self._lead:
            return self._lead.popleft()
        if self._last_s is None:
            self._last_exact = Fraction(0)
            return 0.0
        self.mended.note_untold(self._last_s)
        exact = self._last_exact if self._last_exact is not None else Fraction(self._last_s)
        self._last_exact = exact + self._step()
        return float(self._last_exact)

    def _step(self) -> Fraction:
        """Return the duration of the last picture."""
        told_s = self._last.duration_s if self._last is not None else Fraction(0)
        if self._frame_s is None:
            if told_s > 0:
                return told_s
            return Fraction(self._told_step_s) if self._told_step_s > 0 else _USUAL_S
        # Less than nominal is a field of an interlaced picture; far more is a pause rather than a duration.
        return told_s if self._frame_s * Fraction(9, 10) <= told_s <= LEAP_S else self._frame_s


class Moments:
    """Increasing timestamps for pictures already in order, based on their own timestamps only."""

    def __init__(self, longest_pause_s: float = LEAP_S) -> None:
        """Create a timeline that removes clock jumps of more than `longest_pause_s`."""
        self._runs = Runs(0, longest_pause_s)
        self._timeline = Timeline(None)

    def of(self, told_s: float) -> float:
        """Return the timestamp of the next picture, in seconds, from its own, `told_s`."""
        return self._timeline.show(self._timeline.read(self._runs.stamp(0, told_s, told_s)))
