"""Pictures of which not one byte is left: gaps between packets, where something shows that data is missing.

A gap alone is no loss (phones and screen recorders make pauses). Near a packet that the library marks as
corrupt (a transport stream's continuity counter), or near a picture that came out damaged, it is.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import av

_NEAR_S = 1.0
"""Of damage and a gap that it explains."""

_JUMP_S = 10.0
"""A longer gap is a clock that was set, not pictures that were lost."""

_STEPS = 31
"""Distances between packets whose median is the usual one."""

_SETTLED = 64
"""Packets after which a mark that nothing has explained counts by itself."""

_KEPT = 16
"""Gaps, and times of damage, that are remembered before something tells what they were."""

_RARE = 8
"""Packets to a mark that means something."""

_LISTED = 1000
"""Losses that are known by their time; of a file with more, all count."""


@dataclass
class _Mark:
    """A packet that the library marks as corrupt."""

    at_s: float
    number: int
    explained: bool = False


class Gaps:
    """Looks at the packets of one stream in the file's order."""

    def __init__(self, time_base: float, nominal_step: int) -> None:
        """`time_base` is the seconds of one unit of DTS, `nominal_step` what is usual until more is known."""
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
        """The next packet; `broken` says that data is missing since the beginning of the one before."""
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
            # Segments that were put together begin with a key frame, and with counters of their own.
            if packet.is_keyframe and mark.number == self._number - 1:
                mark.explained = True
        if packet.is_corrupt:
            self._mark()
        if self._marks and self._number > self._marks[0].number + _SETTLED:
            self._settle(self._marks.pop(0))

    def damage(self, at_s: float) -> None:
        """Something came out damaged, or not at all, at this time in seconds."""
        self._damage_s.append(at_s)
        self._explain()

    def ended(self, *, broken: bool = False) -> None:
        """No packet comes any more; `broken` is of the last one."""
        if broken:
            self._mark()
        while self._marks:
            self._settle(self._marks.pop(0))

    def lost_between(self, from_s: float, until_s: float) -> int:
        """Pictures that fit into the gaps that begin within these times."""
        return sum(count for _, count in _within(self._lost, from_s, until_s))

    def marked_between(self, from_s: float, until_s: float) -> int:
        """Packets marked as corrupt, within these times, that nothing else explains.

        Where every few packets are, nobody counts there, and it means nothing.
        """
        if self._all_marks > _KEPT and self._all_marks * _RARE > self._number:
            return 0
        return sum(count for _, count in _within(self._marked, from_s, until_s))

    def first_between(self, from_s: float, until_s: float) -> float:
        """The first time of either; infinite where there is none."""
        both = (*_within(self._lost, from_s, until_s), *_within(self._marked, from_s, until_s))
        return min((at_s for at_s, _ in both), default=math.inf)

    def _step(self, last: int, step: int) -> None:
        usual = sorted(self._steps)[len(self._steps) // 2] if self._steps else self._nominal_step
        if step < 0 or step * self._time_base > _JUMP_S:
            # Two recordings in one file: their counters do not fit together either.
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
        """Something of the last packet is missing, or right behind it; said twice, it is the same."""
        if self._last_dts is not None and not (self._marks and self._number <= self._marks[-1].number + 2):
            self._marks.append(_Mark(self._last_dts * self._time_base, self._number))
            self._all_marks += 1
            self._explain()

    def _explain(self) -> None:
        """Gaps and damage that are near to each other."""
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
