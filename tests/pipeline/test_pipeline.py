"""Threads and queues with fakes: every end must be an end, whatever blocks or fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shufflecam.core.errors import ShufflecamError, SourceBrokeOff
from shufflecam.core.protocols import FrameSource
from shufflecam.core.stats import Stats
from shufflecam.core.types import Frame, FrameResult, SourceInfo, SourceKind
from shufflecam.pipeline.channel import Channel, pump
from shufflecam.pipeline.pipeline import CAPTURE_DEPTH, RESULT_DEPTH, Pipeline

PICTURE = np.zeros((4, 4, 3), np.uint8)


class FakeSource:
    """Gives `count` frames, then ends, fails or blocks until it is closed."""

    def __init__(
        self, count: int, *, then: Exception | None = None, blocks: bool = False, kind: SourceKind = "video"
    ) -> None:
        self.info = SourceInfo("fake", kind, (4, 4))
        self.given = 0
        self.closed = threading.Event()
        self._count, self._then, self._blocks = count, then, blocks

    def frames(self) -> Iterator[Frame]:
        for index in range(self._count):
            self.given += 1
            yield Frame(PICTURE, index, index / 30)
        if self._blocks:
            assert self.closed.wait(10), "nobody closed the source"
        if self._then is not None:
            raise self._then

    def close(self) -> None:
        self.closed.set()


def infer(frame: Frame) -> FrameResult:
    return FrameResult(frame)


def pipeline(source: FrameSource, work=infer) -> Pipeline:
    return Pipeline(source, work, Stats())


def indices(run: Pipeline, into: list[int] | None = None) -> list[int]:
    seen = [] if into is None else into
    seen.extend(result.frame.index for result in run.results() if result is not None)
    return seen


def our_threads() -> list[str]:
    names = {f"shufflecam-{name}" for name in ("capture", "inference", "test")}
    return [thread.name for thread in threading.enumerate() if thread.name in names]


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    assert our_threads() == []


@pytest.mark.parametrize("kind", ["video", "replay"])
@pytest.mark.parametrize("count", [0, 1, 50])
def test_every_frame_comes_once_and_in_order(count: int, kind: SourceKind) -> None:
    source = FakeSource(count, kind=kind)
    assert indices(pipeline(source)) == list(range(count))
    assert source.closed.is_set()


@pytest.mark.parametrize("error", [SourceBrokeOff("the file ends here"), ValueError("a fault")])
def test_an_error_of_the_source_comes_after_the_frames_before_it(error: Exception) -> None:
    seen: list[int] = []
    with pytest.raises(type(error), match=str(error)):
        indices(pipeline(FakeSource(20, then=error)), seen)
    assert seen == list(range(20))


def test_an_error_of_the_inference_surfaces_with_its_own_message_and_closes_the_source() -> None:
    def fails(frame: Frame) -> FrameResult:
        if frame.index == 7:
            raise ShufflecamError("out of memory at frame 7")
        return FrameResult(frame)

    source = FakeSource(1000, blocks=True)
    seen: list[int] = []
    with pytest.raises(ShufflecamError, match="frame 7"):
        indices(pipeline(source, fails), seen)
    assert seen == list(range(7))
    assert source.closed.is_set()


def test_nothing_runs_far_ahead_of_a_slow_reader() -> None:
    source = FakeSource(1000)
    results = pipeline(source).results()
    for _ in range(3):
        next(results)
    # Each queue is full, and each thread holds one item that finds no room.
    assert source.given <= 3 + CAPTURE_DEPTH + RESULT_DEPTH + 2
    results.close()


def test_leaving_the_loop_ends_a_source_that_blocks() -> None:
    source = FakeSource(2, blocks=True)
    results = pipeline(source).results()
    assert next(results) is not None
    results.close()
    assert source.closed.is_set()


def test_ticks_come_while_there_is_nothing_and_stop_ends_it() -> None:
    source = FakeSource(0, blocks=True)
    run = pipeline(source)
    results = run.results(tick_s=0.001)
    assert [next(results) for _ in range(3)] == [None, None, None]
    run.stop()
    assert [result for result in results if result is not None] == []


def test_live_results_carry_their_latency() -> None:
    source = FakeSource(0, kind="camera")
    frame = Frame(PICTURE, 0, 0.0, captured_s=100.0)
    source.frames = lambda: iter([frame])  # type: ignore[method-assign]
    run = Pipeline(source, infer, Stats(), clock=lambda: 100.25)
    (result,) = [result for result in run.results() if result is not None]
    assert result.latency_s == pytest.approx(0.25)


def test_a_closed_channel_refuses_and_wakes_everybody() -> None:
    channel: Channel[int] = Channel(1)
    assert channel.put(1)
    blocked = threading.Thread(target=pump, args=([2], channel), name="shufflecam-test")
    blocked.start()
    channel.close()
    blocked.join(10)
    assert not blocked.is_alive()
    assert not channel.put(3)
    with pytest.raises(EOFError):
        channel.get()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 12), st.integers(0, 12), st.sampled_from(["end", "fail", "block"]), st.booleans())
def test_any_interleaving_ends(count: int, taken: int, ending: str, live: bool) -> None:
    error = SourceBrokeOff("cut") if ending == "fail" else None
    source = FakeSource(count, then=error, blocks=ending == "block", kind="replay" if live else "video")
    results = pipeline(source).results(tick_s=0.001)
    seen = []
    try:
        for result in results:
            if result is not None:
                seen.append(result.frame.index)
            if len(seen) >= taken:
                break
            if result is None and ending == "block":
                break
    except SourceBrokeOff:
        assert len(seen) == count
    results.close()
    assert seen == list(range(len(seen)))
    assert our_threads() == []
