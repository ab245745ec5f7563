"""Streams that come in bursts are played at their own pace, and not one picture a burst."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from shufflecam.core.errors import SourceBrokeOff
from shufflecam.sources import open_stream
from shufflecam.sources.live.playout import MAX_BYTES, WINDOW_S, BufferedPackets, BurstWatch, Playout
from tests.sources.burst_servers import serve_bursts, serve_hls

STEP = 1 / 30


@dataclass
class Packet:
    dts: int
    size: int = 1000
    pts: int | None = None
    time_base: Fraction = Fraction(1, 30)


def burst_arrivals(seconds: float, burst_s: float) -> list[tuple[float, float]]:
    """(arrival, moment) of a stream that comes `burst_s` at a time, a picture a millisecond."""
    per_burst = round(burst_s * 30)
    return [
        (1000 + (n // per_burst) * burst_s + burst_s + 0.001 * (n % per_burst), n * STEP)
        for n in range(round(seconds * 30))
    ]


@pytest.mark.parametrize("burst_s", [0.5, 1.0])
def test_bursts_are_noticed(burst_s: float) -> None:
    watch = BurstWatch()
    assert any(watch.update(arrived, moment) for arrived, moment in burst_arrivals(6, burst_s))


def test_a_camera_at_its_pace_is_left_alone() -> None:
    watch, rng = BurstWatch(), np.random.default_rng(1)
    times = [10 + n * STEP + rng.uniform(0, 0.02) for n in range(900)]
    assert not any(watch.update(time, n * STEP) for n, time in enumerate(times))


def test_a_camera_with_a_pause_now_and_then_is_left_alone() -> None:
    watch, late = BurstWatch(), 0.0
    for n in range(900):
        late += 0.5 if n % 120 == 119 else 0.0  # goes on where it was, without a backlog
        assert not watch.update(n * STEP + late, n * STEP + late)


def test_one_backlog_is_no_stream_in_bursts() -> None:
    watch = BurstWatch()
    for n in range(300):
        arrived = n * STEP if not 100 <= n < 130 else 130 * STEP + (n - 100) * 0.001
        assert not watch.update(arrived, n * STEP)


def shown(arrivals: list[tuple[float, float]]) -> list[float]:
    """When each picture is shown: at its due time, or when it comes."""
    playout, times = Playout(), []
    for arrived, moment in arrivals:
        playout.arrived(arrived, moment)
        times.append(max(arrived, playout.due(moment)))
    return times


def test_steady_from_the_second_burst_on() -> None:
    steps = np.diff(shown(burst_arrivals(20, 1.0)))
    np.testing.assert_allclose(steps[31:], STEP, atol=0.002)


def test_later_bursts_pause_once_and_then_it_is_steady_again() -> None:
    arrivals = [
        (arrived + (0.4 if 300 <= n < 330 else 0), moment)
        for n, (arrived, moment) in enumerate(burst_arrivals(30, 1.0))
    ]
    steps = np.diff(shown(arrivals))
    assert (steps > 0.1).sum() == 1
    np.testing.assert_allclose(np.delete(steps[31:], steps[31:].argmax()), STEP, atol=0.005)


def test_a_delay_that_is_not_needed_any_more_is_given_back_little_by_little() -> None:
    arrivals = [
        (arrived + (3.0 if n < 60 else 0), moment)
        for n, (arrived, moment) in enumerate(burst_arrivals(WINDOW_S + 90, 1.0))
    ]
    times = shown(arrivals)
    steps = np.diff(times)
    behind = [time - moment for time, (_, moment) in zip(times, arrivals, strict=True)]
    assert behind[100] - behind[-1] == pytest.approx(3.0, abs=0.1)
    assert steps[100:].min() > 0.94 * STEP


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, 20.0])
def test_a_stream_whose_clock_jumps_goes_on_at_once(jump_s: float) -> None:
    arrivals = [
        (arrived, moment + (jump_s if n >= 300 else 0))
        for n, (arrived, moment) in enumerate(burst_arrivals(20, 1.0))
    ]
    times = shown(arrivals)
    assert max(np.diff(times)) < 1.1
    assert min(np.diff(times)) >= 0


def test_packets_come_in_order_and_then_the_error() -> None:
    def packets() -> Iterator[Packet]:
        yield from (Packet(n) for n in range(3))
        raise OSError("gone")

    closed = threading.Event()
    buffered = BufferedPackets(packets(), closed.set)
    assert [buffered.get(30)[0].dts for _ in range(3)] == [0, 1, 2]  # type: ignore[index]
    with pytest.raises(OSError, match="gone"):
        buffered.get(30)
    assert not closed.is_set(), "whoever decodes still uses it"
    buffered.stop()
    buffered.join(30)
    assert closed.is_set()


def test_reading_waits_where_nobody_takes_packets() -> None:
    read = []

    def packets() -> Iterator[Packet]:
        for n in range(100):
            read.append(n)
            yield Packet(n, size=MAX_BYTES // 4)

    buffered = BufferedPackets(packets(), lambda: None)
    taken = 0
    while buffered.get(30) is not None and taken < 20:
        taken += 1
        assert len(read) <= taken + 6
    buffered.stop()
    buffered.join(30)
    assert len(read) < 40


def test_silence_is_told_and_stop_ends_a_wait() -> None:
    never = threading.Event()

    def packets() -> Iterator[Packet]:
        never.wait(60)
        yield from ()

    buffered = BufferedPackets(packets(), lambda: None)
    with pytest.raises(SourceBrokeOff, match="sent nothing"):
        buffered.get(0.01)
    threading.Timer(0.05, buffered.stop).start()
    assert buffered.get(60) is None
    never.set()
    buffered.join(30)


def received(url: str, seconds: float) -> tuple[int, int, list[str]]:
    """(frames handed out, frames dropped, notices) of that much of a stream, for whoever is quick."""
    notices: list[str] = []
    source = open_stream(url, on_notice=notices.append)
    count = 0
    try:
        for frame in source.frames():
            count += 1
            if frame.timestamp_s > seconds:
                break
    except SourceBrokeOff:
        pass
    finally:
        source.close()
    return count, source.dropped, notices


def test_live_hls_keeps_its_pictures(tmp_path: Path) -> None:
    with serve_hls(tmp_path, segment_s=0.5) as url:
        count, dropped, notices = received(url, 4.3)
    # By bursts it was one picture in fifteen; a busy machine may lose a few.
    assert count > 3 * dropped
    assert len(notices) == 1
    assert "at its own pace" in notices[0]


def test_a_stream_that_turns_out_to_come_in_bursts() -> None:
    with serve_bursts(0.5, 7.5) as url:
        count, dropped, notices = received(url, 7.0)
    assert count > dropped
    assert len(notices) == 1
