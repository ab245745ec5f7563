"""A request to stop: when a signal ends things on the spot, and when it is only noted."""

from __future__ import annotations

import os
import signal

import pytest

from shufflecam.core.errors import Interrupted
from shufflecam.pipeline.stop import StopRequest, keeping_handlers, or_never, stop_on_signals


@pytest.fixture(autouse=True)
def hears_signals() -> None:
    """Who starts the tests in the background may have them ignore Ctrl-C."""
    if any(signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGINT, signal.SIGTERM)):
        pytest.skip("this process ignores signals")


def test_a_signal_ends_the_preparation() -> None:
    with stop_on_signals() as stop, pytest.raises(Interrupted, match="before anything was written"):
        os.kill(os.getpid(), signal.SIGINT)
    assert stop


def test_a_signal_is_noted_while_writing() -> None:
    with stop_on_signals() as stop:
        with stop.scope():
            stop.begin_writing()
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop
        with pytest.raises(Interrupted, match=r"^stopped$"):
            stop.check()


def test_a_job_within_a_batch() -> None:
    """Between two videos a signal is noted, also after one whose preparation failed."""
    with stop_on_signals() as stop, stop.scope():
        stop.begin_writing()
        with pytest.raises(ValueError, match="bad"), stop.scope():
            raise ValueError("bad")
        os.kill(os.getpid(), signal.SIGINT)
        assert stop
        with pytest.raises(Interrupted), stop.scope():
            raise AssertionError("the next one does not begin")


def test_a_request_before_writing_is_seen_when_it_begins() -> None:
    stop = StopRequest()
    with stop.scope():
        stop.request()
        with pytest.raises(Interrupted):
            stop.begin_writing()


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_library_that_takes_a_signal_for_itself() -> None:
    with stop_on_signals() as stop:
        stop.begin_writing()
        with keeping_handlers():
            signal.signal(signal.SIGTERM, lambda number, frame: None)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop


def test_nobody_stops_what_is_given_no_request() -> None:
    stop = StopRequest()
    assert or_never(stop) is stop
    assert not or_never(None)
