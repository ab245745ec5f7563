"""A sink on its own thread: order, errors, and an end that waits for everything."""

from __future__ import annotations

import threading

import pytest

from shufflecam.core.errors import OutputError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.protocols import Sink
from shufflecam.core.types import FrameResult
from shufflecam.pipeline.background import BackgroundSink
from tests.helpers.people import result_of


class Slow:
    """Waits for `go` before each result; fails at one of them."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.go = threading.Semaphore(0)
        self.seen: list[int] = []
        self.threads: set[str] = set()
        self.closed: list[bool] = []
        self._fails_at = fails_at

    def write(self, result: FrameResult) -> None:
        assert self.go.acquire(timeout=10)
        self.threads.add(threading.current_thread().name)
        if result.frame.index == self._fails_at:
            raise OutputError("the disk is full")
        self.seen.append(result.frame.index)

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        self.closed.append(complete)


def test_everything_is_written_in_order_on_another_thread() -> None:
    slow = Slow()
    sink = BackgroundSink(slow)
    assert isinstance(sink, Sink)
    for index in range(3):
        sink.write(result_of([], index))
    assert slow.seen == []
    slow.go.release(100)
    for index in range(3, 20):
        sink.write(result_of([], index))
    sink.close(complete=True)
    assert slow.seen == list(range(20))
    assert slow.closed == [True]
    assert threading.current_thread().name not in slow.threads


def test_no_more_than_the_depth_waits() -> None:
    slow = Slow()
    sink = BackgroundSink(slow, depth=2)
    written = threading.Semaphore(0)

    def produce() -> None:
        for index in range(5):
            sink.write(result_of([], index))
            written.release()

    producer = threading.Thread(target=produce)
    producer.start()
    assert all(written.acquire(timeout=10) for _ in range(3)), "one at work and two that wait"
    assert not written.acquire(timeout=0.05)
    slow.go.release(5)
    producer.join(10)
    assert not producer.is_alive()
    sink.close(complete=True)
    assert slow.seen == list(range(5))


def test_an_error_reaches_the_writer_once_and_nothing_hangs() -> None:
    slow = Slow(fails_at=1)
    slow.go.release(100)
    sink = BackgroundSink(slow, depth=1)

    def write_all() -> None:
        for index in range(50):
            sink.write(result_of([], index))

    with pytest.raises(OutputError, match="the disk is full"):
        write_all()
    sink.close(complete=False)
    assert slow.seen == [0]
    assert slow.closed == [False]


def test_an_error_of_the_last_result_is_raised_by_close() -> None:
    slow = Slow(fails_at=0)
    slow.go.release(1)
    sink = BackgroundSink(slow)
    sink.write(result_of([], 0))
    with pytest.raises(OutputError, match="the disk is full"):
        sink.close(complete=True)
    assert slow.closed == [False], "the file is closed as one that is not whole"
