"""A file played as a camera."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.sources import ReplaySource
from shufflecam.sources.live.replay import ReplayCapture
from shufflecam.sources.timing.pace import Pace
from tests.helpers.clips import corners, make_clip, read_number, video_last


class Ahead(threading.Event):
    """An event whose `wait` moves a clock instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return self.is_set()


def test_pace_keeps_recorded_distances_and_never_waits_for_the_past() -> None:
    stopped = Ahead()
    pace = Pace(stopped, lambda: stopped.now)
    for moment, expected in [(5.0, 100.0), (5.5, 100.5), (5.25, 100.5), (7.0, 102.0)]:
        pace.wait(moment)
        assert stopped.now == pytest.approx(expected)


def test_it_plays_at_its_own_pace_and_counts_what_nobody_took(plain_clip: Path) -> None:
    source = ReplaySource(plain_clip)
    began = time.monotonic()
    frames = list(source.frames())
    took = time.monotonic() - began
    assert took > 39 / 30 - 0.05  # never faster than it was recorded
    assert frames[-1].index == 39
    assert read_number(frames[-1].image) == 39
    assert source.given == 40 == len(frames) + source.dropped
    assert frames[-1].timestamp_s - frames[0].timestamp_s == pytest.approx(
        (frames[-1].index - frames[0].index) / 30, abs=0.2
    )
    assert source.info.kind == "replay"
    assert source.info.live
    assert source.info.fps == 30


def _paced(path: Path, **options: object) -> tuple[ReplayCapture, Ahead]:
    """A replay on a clock that jumps from picture to picture."""
    capture = ReplayCapture(str(path), **options)  # type: ignore[arg-type]
    clock = Ahead()
    capture._pace = Pace(clock, lambda: clock.now)
    capture.open()
    return capture, clock


def test_the_clock_starts_with_the_first_frame_whatever_its_time(vfr_clip: Path) -> None:
    capture, clock = _paced(vfr_clip)
    capture.grab()
    assert clock.now == 100.0


def test_loop_goes_on_without_a_gap(plain_clip: Path) -> None:
    capture, clock = _paced(plain_clip, loop=True)
    numbers, times = [], []
    for _ in range(100):
        grabbed = capture.grab()
        assert grabbed is not None
        numbers.append(read_number(grabbed.to_image()))
        times.append(clock.now - 100.0)
    assert numbers == [i % 40 for i in range(100)]
    assert times == pytest.approx([i / 30 for i in range(100)], abs=1e-6)
    capture.close()


def test_it_begins_where_it_is_told(plain_clip: Path) -> None:
    capture = ReplayCapture(str(plain_clip), start_s=1.0)
    capture.open()
    numbers = []
    while (grabbed := capture.grab()) is not None:
        numbers.append(read_number(grabbed.to_image()))
    capture.close()
    assert numbers == list(range(30, 40))


@pytest.mark.parametrize("first", ["sound", "preview"])
def test_the_video_may_be_any_stream(tmp_path: Path, plain_clip: Path, first: str) -> None:
    capture = ReplayCapture(str(video_last(tmp_path / "last.mp4", plain_clip, first)))
    capture.open()
    numbers = []
    while (grabbed := capture.grab()) is not None:
        numbers.append(read_number(grabbed.to_image()))
    capture.close()
    assert numbers == list(range(40))


def test_scaled_and_upright(rotated_clip: Path) -> None:
    source = ReplaySource(rotated_clip, size=(128, 192))
    assert source.info.size == (128, 192)
    frame = next(source.frames())
    assert frame.size == (128, 192)
    assert corners(frame.image) == (3, 0, 1, 2)
    source.close()


def test_close_while_it_waits_for_its_time(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "slow.mp4", times=[0, 15360 * 3600])  # the second picture after an hour
    source = ReplaySource(clip)
    first = threading.Event()

    def read() -> None:
        for _ in source.frames():
            first.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert first.wait(20)
    source.close()
    thread.join(20)
    assert not thread.is_alive()
    assert not source._thread.is_alive()


def test_damage_is_said_at_the_end(tmp_path: Path, plain_clip: Path) -> None:
    data = plain_clip.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(SourceBrokeOff, match="cut short"):
        list(ReplaySource(tmp_path / "cut.mp4").frames())


def test_nothing_to_play(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.mp4", tmp_path):
        with pytest.raises(SourceError):
            ReplaySource(path)
