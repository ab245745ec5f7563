"""Detect pictures lost without a trace: gaps between packets, near evidence of missing data.

A gap alone is not a loss (phones and screen recorders pause). It is one near a packet that the library marks
as corrupt (by a transport stream's continuity counter), or near a picture decoded with damage.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import av

_NEAR_S = 1.0
"""Maximum distance between damage and a gap that it explains."""

_JUMP_S = 10.0
"""A longer gap is a clock change rather than a loss of pictures."""

_STEPS = 31
"""Number of packet intervals whose median is the typical one."""

_SETTLED = 64
"""Number of packets after which an unexplained mark counts by itself."""

_KEPT = 16
"""Number of gaps, and of times of damage, kept until they are explained."""

_RARE = 8
"""Minimum packets per mark for marks to be significant."""

_LISTED = 1000
"""Number of losses recorded with their times; further ones are added to the last."""


@dataclass
class _Mark:
    """A packet that the library marks as corrupt."""

    at_s: float
    number: int
    explained: bool = False


class Gaps:
    """Examines the packets of one stream, in file order."""

    def __init__(self, time_base: float, nominal_step: int) -> None:
        """Set the duration of a DTS unit in seconds, and the typical step to assume until it is measured."""
        self._time_base, self._nominal_step = time_base, nominal_step
        self._steps: deque[int] = deque(maxlen=_STEPS)
        self._last_dts: int | None = None
        self._number = self._all_marks = 0
        self._unexplained: deque[tuple[float, int]] = deque(maxlen=_KEPT)
        self._damage_s: deque[float] = deque(maxlen=_KEPT)
        self._marks: list[_Mark] = []
        self._lost: list[tuple[float, int]] = []
        self._marked: list[tuple[float, int]] = []

    def met(self, packet: av.Packet, *, broken: bool = False) -> None:
        """Record the next packet; `broken`: data is missing since the start of the previous one."""
        if broken:
            self._mark()
        self._number += 1
        last, dts = self._last_dts, packet.dts
        if dts is None:
            return
        self._last_dts = dts
        if last is not None:
            self._step(last, dts - last)
        for mark in self._marks:
            # Concatenated segments begin with a key frame and with continuity counters of their own.
            if packet.is_keyframe and mark.number == self._number - 1:
                mark.explained = True
        if packet.is_corrupt:
            self._mark()
        if self._marks and self._number > self._marks[0].number + _SETTLED:
            self._settle(self._marks.pop(0))

    def damage(self, at_s: float) -> None:
        """Record a picture at this time (s) that was decoded with damage, or not at all."""
        self._damage_s.append(at_s)
        self._explain()

    def ended(self, *, broken: bool = False) -> None:
        """Record the end of the packets; `broken`: data is missing after the start of the last one."""
        if broken:
            self._mark()
        while self._marks:
            self._settle(self._marks.pop(0))

    def lost_between(self, from_s: float, until_s: float) -> int:
        """Return the number of pictures that fit into the gaps starting in [`from_s`, `until_s`)."""
        return sum(count for _, count in _within(self._lost, from_s, until_s))

    def marked_between(self, from_s: float, until_s: float) -> int:
        """Return the number of otherwise unexplained packets marked as corrupt in [`from_s`, `until_s`).

        If every few packets are marked, the stream does not maintain its counters, and marks are ignored.
        """
        if self._all_marks > _KEPT and self._all_marks * _RARE > self._number:
            return 0
        return sum(count for _, count in _within(self._marked, from_s, until_s))

    def first_between(self, from_s: float, until_s: float) -> float:
        """Return the earliest time of a loss or mark; infinity if there is none."""
        both = (*_within(self._lost, from_s, until_s), *_within(self._marked, from_s, until_s))
        return min((at_s for at_s, _ in both), default=math.inf)

    def _step(self, last: int, step: int) -> None:
        usual = sorted(self._steps)[len(self._steps) // 2] if self._steps else self._nominal_step
        if step < 0 or step * self._time_base > _JUMP_S:
            # Two recordings in one file: their continuity counters do not match either.
            for mark in self._marks:
                mark.explained = mark.explained or mark.number >= self._number - 2
            self._unexplained.clear()
            return
        if usual and step > 1.5 * usual:
            self._unexplained.append((last * self._time_base, round(step / usual) - 1))
            self._explain()
        if step:
            self._steps.append(step)

    def _mark(self) -> None:
        """Mark missing data in or right after the last packet; repeated reports count once."""
        if self._last_dts is not None and not (self._marks and self._number <= self._marks[-1].number + 2):
            self._marks.append(_Mark(self._last_dts * self._time_base, self._number))
            self._all_marks += 1
            self._explain()

    def _explain(self) -> None:
        """Match gaps with damage near them."""
        for gap in list(self._unexplained):
            near = [mark for mark in self._marks if abs(mark.at_s - gap[0]) <= _NEAR_S]
            for mark in near:
                mark.explained = True
            if near or any(abs(at_s - gap[0]) <= _NEAR_S for at_s in self._damage_s):
                self._unexplained.remove(gap)
                _add(self._lost, gap)
        for mark in self._marks:
            mark.explained |= any(abs(at_s - mark.at_s) <= _NEAR_S for at_s in self._damage_s)

    def _settle(self, mark: _Mark) -> None:
        if not mark.explained:
            _add(self._marked, (mark.at_s, 1))


def _add(found: list[tuple[float, int]], one: tuple[float, int]) -> None:
    if len(found) < _LISTED:
        found.append(one)
    else:
        found[-1] = (found[-1][0], found[-1][1] + one[1])


def _within(found: list[tuple[float, int]], from_s: float, until_s: float) -> Iterator[tuple[float, int]]:
    return ((at_s, count) for at_s, count in found if from_s <= at_s < until_s)
