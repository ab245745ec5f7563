from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shufflecam.core.stats import Durations, Stats


class Clock:
    """Stands still until it is told the time."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stats(clock: Clock) -> Stats:
    return Stats(clock)


def test_nothing_yet(stats: Stats) -> None:
    snapshot = stats.snapshot()
    assert (snapshot.stages, snapshot.rates, snapshot.counts) == ({}, {}, {})
    assert stats.rate("inference") == 0.0
    assert stats.counted("dropped") == 0


def test_a_stage_is_measured_by_the_clock_given(stats: Stats, clock: Clock) -> None:
    for seconds in (0.010, 0.030, 0.020):
        with stats.stage("detect"):
            clock.now += seconds
    times = stats.snapshot().stages["detect"]
    assert times.count == 3
    assert times.total_s == pytest.approx(0.060)
    assert times.max_s == pytest.approx(0.030)
    assert times.p50_s == pytest.approx(0.020, rel=0.01)
    assert times.p95_s == pytest.approx(0.030, rel=0.01)


def test_a_stage_that_fails_is_measured_and_fails(stats: Stats, clock: Clock) -> None:
    def fail() -> None:
        with stats.stage("network"):
            clock.now += 1.0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert stats.snapshot().stages["network"].total_s == pytest.approx(1.0)


def test_counts(stats: Stats) -> None:
    stats.count("dropped")
    stats.count("dropped", 4)
    assert stats.counted("dropped") == 5
    assert stats.snapshot().counts == {"dropped": 5}


@pytest.mark.parametrize("rate", [1.0, 5.0, 29.97, 120.0, 5000.0])
def test_the_rate_is_that_of_the_ticks(stats: Stats, clock: Clock, rate: float) -> None:
    for _ in range(int(3 * rate) + 1):
        clock.now += 1.0 / rate
        stats.tick("capture")
    assert stats.rate("capture") == pytest.approx(rate, rel=1e-6)
    clock.now += 0.9 / rate  # just before the next one
    assert stats.rate("capture") == pytest.approx(rate, rel=1e-6)
    assert stats.snapshot().rates == {"capture": stats.rate("capture")}


def test_the_rate_is_that_of_now_and_not_of_the_whole_run(stats: Stats, clock: Clock) -> None:
    for step in [1 / 30] * 300 + [1 / 10] * 30:
        clock.now += step
        stats.tick("capture")
    assert stats.rate("capture") == pytest.approx(10.0)


def test_the_rate_falls_when_ticks_stop(stats: Stats, clock: Clock) -> None:
    for _ in range(90):
        clock.now += 1 / 30
        stats.tick("capture")
    rates = []
    for _ in range(5):
        clock.now += 0.5
        rates.append(stats.rate("capture"))
    assert rates[0] < 30
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0.0


def test_a_clock_that_stands_or_runs_back_is_no_harm(stats: Stats, clock: Clock) -> None:
    for now in (100.0, 100.0, 99.0):
        clock.now = now
        stats.tick("capture")
    assert math.isfinite(stats.rate("capture"))
    with stats.stage("detect"):
        clock.now -= 5.0
    assert stats.snapshot().stages["detect"].total_s == 0.0


@settings(deadline=None)
@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=200), st.floats(0, 100))
def test_percentiles_are_right_to_one_per_cent(values: list[float], percent: float) -> None:
    durations = Durations()
    for value in values:
        durations.add(value)
    exact = float(np.percentile(values, percent, method="inverted_cdf"))
    assert durations.percentile(percent) == pytest.approx(exact, rel=0.01)


def test_percentiles_of_nothing_and_of_zero() -> None:
    durations = Durations()
    assert math.isnan(durations.percentile(50))
    durations.add(0.0)
    assert durations.percentile(50) == 0.0


def test_memory_does_not_grow_with_the_run(stats: Stats, clock: Clock) -> None:
    rng = np.random.default_rng(0)
    for seconds in rng.lognormal(-4, 1, 20_000).tolist():
        clock.now += 1e-5
        stats.tick("capture")
        stats.observe("detect", seconds)
    assert len(stats._stages["detect"]._buckets) < 1000
    assert len(stats._events["capture"]) <= 1024


def test_no_count_is_lost_between_threads() -> None:
    stats = Stats()

    def work() -> None:
        for _ in range(2000):
            stats.count("frames")
            stats.tick("capture")
            stats.observe("detect", 0.001)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    snapshot = stats.snapshot()
    assert snapshot.counts["frames"] == 8000
    assert snapshot.stages["detect"].count == 8000
