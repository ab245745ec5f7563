"""Live sources: the newest frame, exact counts, and an end at once whatever the device does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.core.protocols import FrameSource
from shufflecam.core.types import Frame
from shufflecam.sources.live.latest import LatestFrames
from shufflecam.sources.live.watch import PictureWatch
from tests.helpers.clips import read_number
from tests.sources.fakes import FakeCapture


def live(capture: FakeCapture, **more: object) -> LatestFrames:
    return LatestFrames(capture, "0", "camera", **{"eager": False, **more})  # type: ignore[arg-type]


def test_is_a_frame_source() -> None:
    source = live(FakeCapture(None))
    assert isinstance(source, FrameSource)
    assert source.info.live
    assert source.info.size == (96, 64)
    source.close()


def test_the_newest_frame_is_given_and_the_others_are_counted() -> None:
    capture = FakeCapture(0)
    source = live(capture)
    frames = source.frames()
    assert read_number(next(frames).image) == 0
    capture.feed(1, 2, 3, 4)
    capture.wait_for_grabs(6)  # four more were taken over; the sixth is being waited for
    frame = next(frames)
    assert read_number(frame.image) == 4
    assert frame.index == 4
    assert (source.given, source.dropped) == (5, 3)
    capture.feed(5, None)
    assert [read_number(frame.image) for frame in frames] == [5]
    assert (source.given, source.dropped) == (6, 3)


def test_a_frame_that_waits_when_it_is_closed_counts_as_dropped() -> None:
    capture = FakeCapture(0)
    source = live(capture)
    frames = source.frames()
    next(frames)
    capture.feed(1, 2)
    capture.wait_for_grabs(4)
    source.close()
    assert list(frames) == []
    assert (source.given, source.dropped) == (3, 2)
    capture.feed(3, None)
    assert capture.closed.wait(20)
    assert source.given == 3


def test_counts_are_exact_at_any_speed() -> None:
    capture = FakeCapture(*[number % 256 for number in range(2000)], None)
    source = live(capture)
    got = [frame.index for frame in source.frames()]
    assert got == sorted(set(got))
    assert got[-1] == 1999
    assert source.given == 2000 == len(got) + source.dropped


def test_times_rise_from_the_first_step_of_frames() -> None:
    capture = FakeCapture(0, 1)
    source = live(capture)
    before = time.monotonic()
    frames = source.frames()
    first = next(frames)
    capture.feed(2, None)
    later = list(frames)
    assert first.captured_s is not None
    assert before <= first.captured_s <= time.monotonic()
    times = [first.timestamp_s, *(frame.timestamp_s for frame in later)]
    assert 0 <= times[0] < 60
    assert times == sorted(times)


def test_an_eager_device_is_drained_uncounted_until_frames_begins() -> None:
    capture = FakeCapture(0, 1, 2)
    source = live(capture, eager=True)
    capture.wait_for_grabs(4)
    frames = source.frames()
    got: list[Frame] = []
    reader = threading.Thread(target=lambda: got.append(next(frames)), daemon=True)
    reader.start()
    while not source._counting:
        time.sleep(0)
    capture.feed(7)
    reader.join(20)
    assert [read_number(frame.image) for frame in got] == [7]
    assert got[0].index == 0
    assert (source.given, source.dropped) == (1, 0)
    source.close()


def _read_in_thread(source: LatestFrames) -> tuple[threading.Thread, list[int], threading.Event]:
    numbers: list[int] = []
    first = threading.Event()

    def read() -> None:
        for frame in source.frames():
            numbers.append(frame.index)
            first.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread, numbers, first


def test_close_ends_frames_while_the_camera_blocks() -> None:
    capture = FakeCapture(0)
    source = live(capture)
    thread, said, first = _read_in_thread(source)
    assert first.wait(20)
    capture.feed(FakeCapture.BLOCK)
    assert capture.blocked.wait(20)
    source.close()
    thread.join(20)
    assert not thread.is_alive()
    assert said == [0]
    assert not capture.closed.is_set()  # its own thread does that, once the read returns
    source.close()
    capture.release.set()
    assert capture.closed.wait(20)


def test_a_reading_thread_is_a_daemon() -> None:
    source = live(FakeCapture(FakeCapture.BLOCK))
    assert source._thread.daemon
    source.close()


def test_a_camera_that_never_answers() -> None:
    capture = FakeCapture(block_open=True)
    with pytest.raises(SourceError, match="does not answer"):
        live(capture, open_timeout_s=0.05)
    capture.release.set()
    assert capture.closed.wait(20)


def test_a_camera_that_fails_to_open_says_its_own_sentence() -> None:
    capture = FakeCapture(open_error=SourceError("There is no camera 7."))
    with pytest.raises(SourceError, match="There is no camera 7"):
        live(capture)
    assert capture.closed.wait(20)


@pytest.mark.parametrize(
    "make", [lambda: SourceBrokeOff("Camera 0 stopped giving pictures."), lambda: RuntimeError("pipe burst")]
)
def test_a_camera_that_goes_away_gives_its_last_frame_and_then_the_reason(
    make: Callable[[], Exception],
) -> None:
    error = make()
    capture = FakeCapture(0, error)
    source = live(capture)
    got = []
    with pytest.raises(SourceBrokeOff, match=str(error)):
        got.extend(frame.index for frame in source.frames())
    assert got == [0]


def test_a_camera_that_falls_silent_counts_as_gone() -> None:
    capture = FakeCapture(0, FakeCapture.BLOCK)
    source = live(capture, stall_timeout_s=0.05)
    got = []
    with pytest.raises(SourceBrokeOff, match="no picture for"):
        got.extend(frame.index for frame in source.frames())
    assert got == [0]
    capture.release.set()


def test_a_camera_that_changes_size_goes_on_in_the_first_one() -> None:
    large, wide = np.full((40, 60, 3), 200, np.uint8), np.full((30, 90, 3), 200, np.uint8)
    capture, said = FakeCapture(0), []
    source = live(capture, on_notice=said.append)
    frames = source.frames()
    assert next(frames).size == (96, 64)
    pictures = []
    for item in (large, large, wide, 1):
        capture.feed(item)
        pictures.append(next(frames).image)
    capture.feed(None)
    assert list(frames) == []
    assert {picture.shape for picture in pictures} == {(64, 96, 3)}
    assert (pictures[0] == 200).all()
    assert (pictures[2][16:48] == 200).all()
    assert (pictures[2][:16] == 0).all()
    assert read_number(pictures[3]) == 1
    assert said == [
        "The picture is 60x40 now; it is fitted into 96x64 as before",
        "The picture is 90x30 now; it is fitted into 96x64 as before",
        "The picture is 96x64 again",
    ]


def test_many_starts_and_stops_leave_no_thread() -> None:
    before = threading.active_count()
    for _ in range(200):
        source = live(FakeCapture(0, 1, None))
        next(source.frames())
        source.close()
    assert threading.active_count() <= before


def test_black_and_frozen_pictures_are_said_once_and_taken_back() -> None:
    watch = PictureWatch(after_s=5)
    noise = np.random.default_rng(0)

    def lively() -> np.ndarray:
        return noise.integers(100, 200, (48, 64, 3)).astype(np.uint8)

    assert [watch.update(lively(), float(t)) for t in range(10)] == [None] * 10
    still = lively()
    said = [watch.update(still, 10.0 + t) for t in range(10)]
    assert [i for i, text in enumerate(said) if text] == [6]  # five seconds after the first repetition
    assert "frozen" in said[6]  # type: ignore[operator]
    assert watch.notice is not None
    watch.update(lively(), 20.0)
    assert watch.notice is None
    dark = [watch.update(noise.integers(0, 4, (48, 64, 3)).astype(np.uint8), 30.0 + t) for t in range(10)]
    assert [i for i, text in enumerate(dark) if text] == [5]
    assert "black" in dark[5]  # type: ignore[operator]


def test_notices_reach_the_callback(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    capture = FakeCapture(np.zeros((64, 96, 3), np.uint8))
    source = live(capture, on_notice=said.append)
    source._watch = PictureWatch(after_s=0)
    next(source.frames())
    assert len(said) == 1
    assert source.notice == said[0]
    source.close()
