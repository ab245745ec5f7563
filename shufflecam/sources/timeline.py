"""From what packets say about time to times that rise: clocks that restart, jump, stand still or are missing.

Values in, values out. Two steps, because a stream's packets come in the order of decoding and its
pictures in the order of presentation:

- `Runs` looks at packets. As long as their clock goes on, they are of one run; where it falls back, or
  leaps further than any pause, a new run begins, which the other streams of the file join when their
  clocks do the same.
- `Timeline` looks at pictures. Within a run they keep the times that they have; the first picture of a
  later run follows the last one by one frame duration, and the whole run, its sound too, moves with it.

Real pauses and variable frame rates stay as they are.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

FALL_S = 0.1
"""Decoding times that fall by more begin a new run; less is rounding (ffmpeg: a tenth of a second too)."""

LEAP_S = 10.0
"""In streams that may be cut together (MPEG-TS, PS, Ogg), a leap of all clocks by more is no pause: the
bound after which ffmpeg and the many tools made of it close the gap (its -dts_delta_threshold)."""

PAUSE_S = 10_000.0
"""In other containers, whose times are of the whole file, pauses are taken as they stand up to nearly
three hours."""

_NEAR_S = 10.0
"""How far apart in time packets of two streams may stand in a file that plays them together."""

_RUNS_KEPT = 8
_STAMPS_KEPT = 512
_REORDERED = 32
"""Twice the pictures that H.264 and HEVC may hold back: one that is still missing then never comes."""

_SOUND_ALONE = 100
"""Video packets after which a run that only the sound began counts as the sound's own."""

_EPS_S = 1e-6
"""Containers tell times in microseconds at worst: what is nearer is the same."""

_LEAST_STEP = 1 / 16
"""Of a frame duration: pictures of equal times stand at least so far apart."""

_USUAL_S = Fraction(1, 25)


@dataclass(frozen=True)
class Stamp:
    """What a packet says of its time, in seconds."""

    run: int
    pts_s: float | None
    dts_s: float | None
    duration_s: Fraction
    """0 where it does not say."""


@dataclass
class _Clock:
    """One stream's clock as its packets tell it."""

    run: int
    at_s: float
    end_s: float
    reached: OrderedDict[int, float]
    """The latest time by run, of the newest few."""
    delay_s: float | None = None
    """From decoding to presentation, of the last packet that can be believed."""
    unbelieved: int = 0
    shown_from_s: float | None = None
    """The earliest of the last packets, where those tell times of presentation alone."""

    def go(self, run: int, at_s: float, duration_s: float, *, is_shown: bool) -> None:
        """The next packet is of `run`, at this time; `is_shown`: of presentation alone."""
        if not is_shown:
            self.shown_from_s = None
        elif run != self.run or self.shown_from_s is None or at_s < self.shown_from_s:
            self.shown_from_s = at_s
        if run != self.run:
            self.delay_s = None
        self.run, self.at_s, self.end_s = run, at_s, at_s + duration_s
        self.reached[run] = max(at_s, self.reached.get(run, at_s))
        self.reached.move_to_end(run)
        while len(self.reached) > _RUNS_KEPT:
            self.reached.popitem(last=False)

    def believes(self, delay_s: float) -> bool:
        """Whether a packet's time of presentation can be: one that leaps alone, far from decoding, cannot."""
        leaps = self.delay_s is not None and abs(delay_s - self.delay_s) > LEAP_S
        self.unbelieved = self.unbelieved + 1 if leaps else 0
        if leaps and self.unbelieved <= _REORDERED:
            return False
        self.delay_s, self.unbelieved = delay_s, 0
        return True


class Runs:
    """Tells the runs of a file's clock apart, packet by packet, in the order of the file."""

    def __init__(self, video: int, longest_pause_s: float = PAUSE_S) -> None:
        """`video` is the number of the stream with the pictures."""
        self._video = video
        self._leap_s = longest_pause_s
        self._clocks: dict[int, _Clock] = {}
        self.count = 1
        """Runs so far."""
        self._pictures = 0
        self._began: OrderedDict[int, int] = OrderedDict()

    def stamp(
        self, stream: int, pts_s: float | None, dts_s: float | None, duration_s: Fraction = Fraction(0)
    ) -> Stamp:
        """The packet's run. Decoding times are what counts: they rise where nothing is wrong."""
        at_s = dts_s if dts_s is not None else pts_s
        clock = self._clocks.get(stream)
        if at_s is None:
            run = clock.run if clock is not None else self.count - 1
        else:
            if clock is None:
                joined = self._joined(stream, at_s, None)
                run = self.count - 1 if joined is None else joined
                clock = self._clocks[stream] = _Clock(run, at_s, at_s, OrderedDict())
            else:
                run = self._run_at(stream, clock, at_s, is_shown=dts_s is None)
            clock.go(run, at_s, float(duration_s), is_shown=dts_s is None)
            if pts_s is not None and dts_s is not None and not clock.believes(pts_s - dts_s):
                pts_s = None
        if stream == self._video:
            self._pictures += 1
            self._began.pop(run, None)
        return Stamp(run, pts_s, dts_s, duration_s)

    def is_of_sound_alone(self, run: int) -> bool:
        """Whether the sound's clock alone began this run: no picture of it will come."""
        began = self._began.get(run)
        return began is not None and self._pictures - began > _SOUND_ALONE

    def _run_at(self, stream: int, clock: _Clock, at_s: float, *, is_shown: bool) -> int:
        from_s, slack_s = clock.at_s, FALL_S
        if is_shown or clock.shown_from_s is not None:
            # Times of presentation go to and fro by as many pictures as a decoder may reorder.
            slack_s = max(1.0, _REORDERED / 2 * (clock.end_s - clock.at_s))
        if not is_shown and clock.shown_from_s is not None:
            # The first decoding time (in Matroska the demuxer makes them, from the third packet or so on)
            # is that of the earliest of them, however long the pauses that lie between.
            from_s = clock.shown_from_s
        if at_s >= from_s - slack_s:
            ahead_s = at_s - clock.end_s
            if ahead_s <= self._leap_s or self._another_is_there(stream, clock.run, at_s):
                return clock.run
        joined = self._joined(stream, at_s, clock)
        if joined is not None:
            return joined
        self.count += 1
        self._began[self.count - 1] = self._pictures
        while len(self._began) > _RUNS_KEPT:
            self._began.popitem(last=False)
        return self.count - 1

    def _another_is_there(self, stream: int, run: int, at_s: float) -> bool:
        """Whether another stream went on to this time without a leap: then this one only paused."""
        return any(
            other.run == run and abs(other.at_s - at_s) <= _NEAR_S
            for number, other in self._clocks.items()
            if number != stream
        )

    def _joined(self, stream: int, at_s: float, clock: _Clock | None) -> int | None:
        """Another run in which another stream is at about this time, and this one not further yet."""
        runs = [
            other.run
            for number, other in self._clocks.items()
            if number != stream and abs(other.at_s - at_s) <= _NEAR_S
        ]
        if clock is not None:
            runs = [r for r in runs if r != clock.run and at_s > clock.reached.get(r, at_s - 1) - FALL_S]
        return max(runs, default=None)


class Timeline:
    """Gives each picture a time that is later than the one before.

    `read` and `lead_in` are told of packets in the order of decoding, `show` of pictures in the order of
    presentation, each by the number of the packet that it was made of.
    """

    def __init__(self, frame_s: Fraction | None, *, decoding_order: bool = False) -> None:
        """Start anew.

        Args:
            frame_s: nominal duration of a picture in seconds, where known.
            decoding_order: the container has decoding times only: pictures get them in rising order.
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
        """What had to be done so that times rise."""

    @property
    def last_s(self) -> float | None:
        """The time of the last picture."""
        return self._last_s

    def offset_s(self, run: int) -> float | None:
        """By how much the run's times are moved; None before its first picture."""
        return self._offsets.get(run)

    def read(self, stamp: Stamp) -> int:
        """Note a packet that goes to the decoder, and return its number."""
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
        """The first packets, `without` of them, have no time; those behind them have these.

        Their pictures are counted back from the first that has a time. `duration_s` is what the first
        packet says, where no nominal duration is known.
        """
        first_s, step_s = min(told_s), float(self._frame_s or duration_s or _USUAL_S)
        self._lead.extend(first_s - (without - k) * step_s for k in range(without))
        self.mended.leading = without

    def show(self, number: int | None) -> float:
        """The time in seconds of the next picture, made of packet `number` (None: it does not say)."""
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
            while self._awaited and next(iter(self._awaited)) < number - _REORDERED:
                self._awaited.popitem(last=False)  # lost in decoding, and its time with it
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
        """The time itself where it is later than the last; else one that is, as near to it as can be."""
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
            # Repeated, or one that is out of its order: between the last one and the next that can be
            # expected, which keeps its own time.
            self._fallen = not is_repeated
            room_s = self._told_s + max(self._told_step_s, frame_s) - last_s
            step_s = min(frame_s, room_s / 2)
            if step_s >= frame_s * _LEAST_STEP:
                return last_s + step_s
        # All are too early from here on: they go on in their own steps until they are later by themselves.
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
        """How long the last picture is shown."""
        told_s = self._last.duration_s if self._last is not None else Fraction(0)
        if self._frame_s is None:
            if told_s > 0:
                return told_s
            return Fraction(self._told_step_s) if self._told_step_s > 0 else _USUAL_S
        # Less than nominal is a field of an interlaced picture; far more is no duration but a pause.
        return told_s if self._frame_s * Fraction(9, 10) <= told_s <= LEAP_S else self._frame_s


class Moments:
    """Times that rise for pictures that come already in order, of which only their own times are known."""

    def __init__(self, longest_pause_s: float = LEAP_S) -> None:
        """A clock that leaps by more than `longest_pause_s` goes on without the leap."""
        self._runs = Runs(0, longest_pause_s)
        self._timeline = Timeline(None)

    def of(self, told_s: float) -> float:
        """The time of the next picture, in seconds, whose own is `told_s`."""
        return self._timeline.show(self._timeline.read(self._runs.stamp(0, told_s, told_s)))


class Mended:
    """What was wrong with a file's times, and where."""

    def __init__(self) -> None:
        self.leading = 0
        """Pictures at the beginning without a time."""
        self._runs = 0
        self._first_run = ""
        self._not_rising = 0
        self._not_rising_s = 0.0
        self._untold = 0
        self._untold_s = 0.0

    def note_run(self, at_s: float, by_s: float) -> None:
        """The clock changes by `by_s` behind the picture at `at_s`."""
        self._runs += 1
        if self._runs == 1:
            how = "falls back" if by_s <= 0 else "leaps ahead"
            self._first_run = f"its clock {how} by {_span(abs(by_s))} at {at_s:.2f} s"

    def note_not_rising(self, at_s: float) -> None:
        """The picture behind the one at `at_s` is not later than it."""
        self._not_rising += 1
        if self._not_rising == 1:
            self._not_rising_s = at_s

    def note_untold(self, at_s: float) -> None:
        """The picture behind the one at `at_s` has no time."""
        self._untold += 1
        if self._untold == 1:
            self._untold_s = at_s

    def sentence(self, no_times: str | None = None) -> str | None:
        """What was mended, without a subject; None where nothing was.

        Args:
            no_times: what is said of a container that has no times at all.
        """
        parts = [no_times] if no_times else []
        if self._runs:
            often = f", the first of {self._runs} such places" if self._runs > 1 else ""
            parts.append(f"{self._first_run}{often}; the times go on from there, sound with them")
        if self.leading:
            its = "its first picture has" if self.leading == 1 else f"its first {_pictures(self.leading)}"
            parts.append(f"{its} no time; counted back from the first that has one")
        if self._untold and not no_times:
            parts.append(
                f"{_pictures(self._untold)} no time (from {self._untold_s:.2f} s on); put evenly behind the "
                "one before"
            )
        if self._not_rising:
            parts.append(
                f"{_pictures(self._not_rising)} no later time than the one before (from "
                f"{self._not_rising_s:.2f} s on); put between or behind its neighbours"
            )
        return "; ".join(parts) or None


def _pictures(count: int) -> str:
    return "one picture has" if count == 1 else f"{count} pictures have"


def _span(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds / 3600:.2f} h"
