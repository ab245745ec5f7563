"""Runs: sections of a file between clock discontinuities, identified across all streams."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction

REORDERED = 32
"""Twice the reorder depth of H.264 and HEVC: a picture still missing by then was lost."""

FALL_S = 0.1
"""Decoding timestamps that fall by more start a new run; less is rounding (0.1 s in ffmpeg as well)."""


LEAP_S = 10.0
"""In formats that permit concatenation (MPEG-TS, PS, Ogg), a jump of all clocks by more is a discontinuity,
not a pause: the threshold at which ffmpeg and the tools based on it close the gap (-dts_delta_threshold)."""


PAUSE_S = 10_000.0
"""In other containers, with a single time base per file, pauses of up to nearly three hours are kept."""


_NEAR_S = 10.0
"""Maximum time difference between neighbouring packets of two streams in an interleaved file."""


_RUNS_KEPT = 8


_SOUND_ALONE = 100
"""Number of video packets after which a run started by audio alone counts as audio-only."""


@dataclass(frozen=True)
class Stamp:
    """A packet's timestamps and duration, in seconds."""

    run: int
    pts_s: float | None
    dts_s: float | None
    duration_s: Fraction
    """0 if unknown."""


@dataclass
class _Clock:
    """The state of one stream's clock, from its packets."""

    run: int
    at_s: float
    end_s: float
    reached: OrderedDict[int, float]
    """The latest timestamp per run, for the most recent runs."""
    delay_s: float | None = None
    """From decoding to presentation, for the last plausible packet."""
    unbelieved: int = 0
    shown_from_s: float | None = None
    """The earliest timestamp of the latest packets, while these have presentation timestamps only."""

    def go(self, run: int, at_s: float, duration_s: float, *, is_shown: bool) -> None:
        """Advance to the next packet, of `run` at `at_s`; `is_shown`: a presentation timestamp only."""
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
        """Return whether a presentation timestamp is plausible: isolated jumps away from decoding are not."""
        leaps = self.delay_s is not None and abs(delay_s - self.delay_s) > LEAP_S
        self.unbelieved = self.unbelieved + 1 if leaps else 0
        if leaps and self.unbelieved <= REORDERED:
            return False
        self.delay_s, self.unbelieved = delay_s, 0
        return True


class Runs:
    """Assigns packets to the runs of a file's clock, in file order."""

    def __init__(self, video: int, longest_pause_s: float = PAUSE_S) -> None:
        """Create the state for a file; `video` is the index of its video stream."""
        self._video = video
        self._leap_s = longest_pause_s
        self._clocks: dict[int, _Clock] = {}
        self.count = 1
        """Number of runs so far."""
        self._pictures = 0
        self._began: OrderedDict[int, int] = OrderedDict()

    def stamp(
        self, stream: int, pts_s: float | None, dts_s: float | None, duration_s: Fraction = Fraction(0)
    ) -> Stamp:
        """Return the packet's stamp and run, based on decoding timestamps, which rise if intact."""
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
        """Return whether this run was started by the audio clock alone, so that no picture will follow."""
        began = self._began.get(run)
        return began is not None and self._pictures - began > _SOUND_ALONE

    def _run_at(self, stream: int, clock: _Clock, at_s: float, *, is_shown: bool) -> int:
        from_s, slack_s = clock.at_s, FALL_S
        if is_shown or clock.shown_from_s is not None:
            # Presentation timestamps vary by up to the decoder's reorder depth.
            slack_s = max(1.0, REORDERED / 2 * (clock.end_s - clock.at_s))
        if not is_shown and clock.shown_from_s is not None:
            # The first decoding timestamp (in Matroska the demuxer generates them, from about the third
            # packet on) is that of the earliest of them, regardless of pauses in between.
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
        """Return whether another stream of the run is near this time, so that this one merely paused."""
        return any(
            other.run == run and abs(other.at_s - at_s) <= _NEAR_S
            for number, other in self._clocks.items()
            if number != stream
        )

    def _joined(self, stream: int, at_s: float, clock: _Clock | None) -> int | None:
        """Return another run with a stream near this time that this stream has not yet passed, or None."""
        runs = [
            other.run
            for number, other in self._clocks.items()
            if number != stream and abs(other.at_s - at_s) <= _NEAR_S
        ]
        if clock is not None:
            runs = [r for r in runs if r != clock.run and at_s > clock.reached.get(r, at_s - 1) - FALL_S]
        return max(runs, default=None)
