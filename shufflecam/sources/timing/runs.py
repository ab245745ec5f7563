"""Runs: parts of a file whose clocks begin anew, told apart by all streams together."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction

REORDERED = 32
"""Twice the pictures that H.264 and HEVC may hold back: one that is still missing then never comes."""

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


_SOUND_ALONE = 100
"""Video packets after which a run that only the sound began counts as the sound's own."""


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
        if leaps and self.unbelieved <= REORDERED:
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
            slack_s = max(1.0, REORDERED / 2 * (clock.end_s - clock.at_s))
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
