"""Sources that go away and come back."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.sources.live.capture import Grabbed
from shufflecam.sources.live.latest import LatestFrames
from shufflecam.sources.live.reconnect import Reconnecting
from tests.helpers.clips import number_picture, read_number
from tests.sources.fakes import FakeCapture

GONE = SourceBrokeOff("The camera is gone.")


def made_of(*captures: FakeCapture) -> Callable[[], FakeCapture]:
    waiting = list(captures)
    return lambda: waiting.pop(0)


def live(capture: object, kind: str = "camera", **more: object) -> LatestFrames:
    return LatestFrames(capture, "0", kind, **{"eager": False, **more})  # type: ignore[arg-type]


def test_the_same_source_goes_on_and_the_gap_is_marked_once() -> None:
    first = FakeCapture(0, GONE)
    away = FakeCapture(open_error=SourceError("not there yet"))
    later = FakeCapture(1, 2, None)
    source = live(Reconnecting(made_of(first, away, later)))
    frames = list(source.frames())
    assert read_number(frames[0].image) == 0
    assert read_number(frames[-1].image) == 2
    assert source.given == 3 == len(frames) + source.dropped
    assert [frame.gap is not None for frame in frames] == [False, True, *[False] * (len(frames) - 2)]
    gap = frames[1].gap
    assert gap is not None
    assert gap.reason == "The camera is gone."
    assert gap.from_s == frames[0].timestamp_s < gap.to_s <= frames[1].timestamp_s
    assert first.closed.is_set()
    assert away.closed.is_set()


def test_trouble_is_said_while_it_lasts() -> None:
    blocked = FakeCapture(1, block_open=True)
    source = live(Reconnecting(made_of(FakeCapture(0, GONE), blocked)))
    frames = source.frames()
    next(frames)
    after = threading.Thread(target=lambda: next(frames), daemon=True)
    after.start()
    while source.trouble is None:
        after.join(0.01)
    assert source.trouble.startswith("The camera is gone; trying again (")
    blocked.release.set()
    after.join(20)
    assert not after.is_alive()
    assert source.trouble is None
    source.close()


def test_what_does_not_come_back_in_time_is_over() -> None:
    now = [0.0]

    def gone() -> FakeCapture:
        now[0] += 7
        return FakeCapture(0, GONE) if now[0] == 7 else FakeCapture(open_error=SourceError("no such device"))

    source = live(Reconnecting(gone, limit_s=20, clock=lambda: now[0]))
    with pytest.raises(SourceBrokeOff, match=r"gone; it did not come back within 20 s .*no such device"):
        list(source.frames())


def test_without_waiting_it_is_over_at_once() -> None:
    source = live(Reconnecting(made_of(FakeCapture(0, GONE)), limit_s=0))
    with pytest.raises(SourceBrokeOff, match="gone"):
        list(source.frames())


def test_the_first_open_is_not_tried_again() -> None:
    with pytest.raises(SourceError, match="wrong address"):
        live(Reconnecting(made_of(FakeCapture(open_error=SourceError("wrong address")))))


def test_closing_ends_a_pause_between_two_attempts() -> None:
    tries: list[int] = []

    def make() -> FakeCapture:
        tries.append(0)
        return FakeCapture(0, GONE) if len(tries) == 1 else FakeCapture(open_error=SourceError("away"))

    source = live(Reconnecting(make, limit_s=1e6))
    frames = source.frames()
    next(frames)
    source.close()
    assert list(frames) == []


def test_a_regular_end_stays_the_end() -> None:
    source = live(Reconnecting(made_of(FakeCapture(0, None))))
    assert len(list(source.frames())) == 1


def test_a_silence_leaves_a_gap_and_a_slow_camera_none() -> None:
    picture = number_picture(0)

    def gaps(*times: float) -> list[tuple[float, float]]:
        now = [100.0]
        capture = FakeCapture()
        source = live(capture, clock=lambda: now[0])
        frames, found = source.frames(), []
        for moment in times:
            capture.feed(Grabbed(lambda: picture, 100 + moment))
            frame = next(frames)
            if frame.gap is not None:
                found.append((round(frame.gap.from_s, 3), round(frame.gap.to_s, 3)))
        source.close()
        return found

    assert gaps(0, 0.1, 0.2, 2.2, 2.3) == [(0.2, 2.2)]
    assert gaps(0, 1, 2, 4, 6, 8) == []
    assert gaps(0, 1, 6) == [(1, 6)]


def test_silence_is_trouble() -> None:
    now = [100.0]
    capture = FakeCapture(0)
    source = live(capture, clock=lambda: now[0])
    frames = source.frames()
    captured_s = next(frames).captured_s
    assert captured_s is not None
    now[0] = captured_s + 1
    assert source.trouble is None
    now[0] = captured_s + 2
    assert source.trouble == "No picture from the camera 0 for 2 s"
    source.close()
    assert source.trouble is None


def test_a_file_may_have_its_pauses() -> None:
    now = [100.0]
    source = live(FakeCapture(0), "replay", clock=lambda: now[0])
    next(source.frames())
    now[0] = 1e9
    assert source.trouble is None
    source.close()
