"""Run statistics: stage durations, frame rates, drop counts. The clock is injected.

Memory does not grow with the run: durations go into a histogram, rates keep a short window. Every
method may be called from any thread.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

_BUCKETS_PER_FACTOR = 1.0 / math.log(1.01)  # neighbouring buckets differ by one per cent
_SMALLEST_S = 1e-7
_WINDOW_S = 2.0
_WINDOW_EVENTS = 1024  # above 512 events a second the window is shorter than two seconds


class Durations:
    """Streaming statistics of durations: count, total, extremes, and percentiles to half a per cent."""

    def __init__(self) -> None:
        self.count = 0
        self.total_s = 0.0
        self.min_s = math.inf
        self.max_s = 0.0
        # From 0.1 microseconds to a day there are 2,800 buckets; a stage uses a hundred of them.
        self._buckets: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        """Add a duration in seconds; a negative one (the clock ran back) counts as 0."""
        seconds = max(0.0, seconds)
        self.count += 1
        self.total_s += seconds
        self.min_s = min(self.min_s, seconds)
        self.max_s = max(self.max_s, seconds)
        bucket = math.floor(math.log(max(seconds, _SMALLEST_S)) * _BUCKETS_PER_FACTOR)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def percentile(self, percent: float) -> float:
        """Return the given percentile in seconds; NaN if empty."""
        if not self.count:
            return math.nan
        rank = max(1, math.ceil(self.count * percent / 100.0))
        for bucket in sorted(self._buckets):
            rank -= self._buckets[bucket]
            if rank <= 0:
                middle = math.exp((bucket + 0.5) / _BUCKETS_PER_FACTOR)
                return min(max(middle, self.min_s), self.max_s)
        return self.max_s


@dataclass(frozen=True)
class StageTimes:
    """Statistics of a stage, in seconds."""

    count: int
    total_s: float
    p50_s: float
    p95_s: float
    max_s: float


@dataclass(frozen=True)
class Snapshot:
    """All statistics at one moment."""

    stages: dict[str, StageTimes] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    """Events per second over the last two seconds."""
    counts: dict[str, int] = field(default_factory=dict)


class Stats:
    """Collects statistics from all threads of a run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stages: dict[str, Durations] = {}
        self._events: dict[str, deque[float]] = {}
        self._counts: dict[str, int] = {}
        self._paused = False

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a block: `with stats.stage("detect"):`, even if it raises."""
        began = self._clock()
        try:
            yield
        finally:
            self.observe(name, self._clock() - began)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Ignore durations measured within the block, e.g. while networks warm up."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def observe(self, name: str, seconds: float) -> None:
        """Add a duration measured elsewhere, e.g. a result's latency."""
        if self._paused:
            return
        with self._lock:
            self._stages.setdefault(name, Durations()).add(seconds)

    def tick(self, name: str) -> None:
        """Record an event now: a frame arrived, a result was shown."""
        now = self._clock()
        with self._lock:
            self._events.setdefault(name, deque(maxlen=_WINDOW_EVENTS)).append(now)

    def count(self, name: str, n: int = 1) -> None:
        """Add `n` to a counter."""
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + n

    def rate(self, name: str) -> float:
        """Return the calls of `tick(name)` per second over the last two seconds; decays when ticks stop."""
        now = self._clock()
        with self._lock:
            return self._rate(name, now)

    def counted(self, name: str) -> int:
        """Return the value of a counter."""
        with self._lock:
            return self._counts.get(name, 0)

    def snapshot(self) -> Snapshot:
        """Return all current statistics; empty stages are omitted."""
        now = self._clock()
        with self._lock:
            return Snapshot(
                stages={name: _times(durations) for name, durations in self._stages.items()},
                rates={name: self._rate(name, now) for name in self._events},
                counts=dict(self._counts),
            )

    def _rate(self, name: str, now: float) -> float:
        events = self._events.get(name)
        if not events:
            return 0.0
        while events and now - events[0] > _WINDOW_S:
            events.popleft()
        if len(events) < 2:
            return 0.0
        span = now - events[0]
        # Between two ticks the rate stays that of the ticks; only when the next one is overdue does it fall.
        regular = (events[-1] - events[0]) / (len(events) - 1)
        overdue = now - events[-1] > 1.5 * regular
        span = span if overdue else events[-1] - events[0]
        return (len(events) - 1) / span if span > 0 else 0.0


def stage(stats: Stats | None, name: str) -> AbstractContextManager[None]:
    """`Stats.stage` if there are `stats`, else a null context."""
    return nullcontext() if stats is None else stats.stage(name)


def _times(durations: Durations) -> StageTimes:
    return StageTimes(
        count=durations.count,
        total_s=durations.total_s,
        p50_s=durations.percentile(50),
        p95_s=durations.percentile(95),
        max_s=durations.max_s,
    )
