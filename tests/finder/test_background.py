"""The detector on its own thread: poses go on, late boxes find their people, errors and the end."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from shufflecam.core.errors import ShufflecamError
from shufflecam.core.types import Detections, Frame
from shufflecam.finder.background import BackgroundDetector
from shufflecam.finder.schedule import DetectionSchedule
from tests.helpers.people import figure
from tests.helpers.scenes import Figures, Scene, nearest


def frame(index: int) -> Frame:
    return Frame(np.full((8, 8, 3), index, np.uint8), index, index / 30)


class Held:
    """Keeps each search until `go`; remembers what it saw."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.saw: list[int] = []
        self.error: Exception | None = None

    def detect(self, frame: Frame) -> Detections:
        assert self.go.wait(10)
        self.saw.append(int(frame.image[0, 0, 0]))
        if self.error is not None:
            raise self.error
        return Detections(np.array([[0, 0, 4, 4]], np.float32), np.array([0.5], np.float32))


def test_one_frame_at_a_time_and_its_picture_is_its_own() -> None:
    held = Held()
    background = BackgroundDetector(held)
    first = frame(1)
    assert background.offer(first)
    first.image[:] = 99  # somebody draws into it
    assert not background.offer(frame(2))
    assert background.take() is None
    held.go.set()
    assert background.wait(10)
    result = background.take()
    assert result is not None
    assert result.timestamp_s == pytest.approx(1 / 30)
    assert len(result.found) == 1
    assert background.take() is None, "each result once"
    assert background.offer(frame(3))
    assert background.wait(10)
    assert held.saw == [1, 3]
    background.close()
    assert not background.offer(frame(4))


def test_an_error_is_raised_where_results_are_taken() -> None:
    held = Held()
    held.error = ShufflecamError("no memory left")
    background = BackgroundDetector(held)
    held.go.set()
    background.offer(frame(0))
    assert background.wait(10)
    with pytest.raises(ShufflecamError, match="no memory left"):
        background.take()
    background.close()


def test_the_thread_ends_with_close() -> None:
    background = BackgroundDetector(Held())
    background.close()
    assert "shufflecam-detect" not in [thread.name for thread in threading.enumerate()]


def walking(index: int) -> Figures:
    second = [figure(560 - 3 * index, 345, 200, index / 4)] if index >= 8 else []
    return [figure(100 + 4 * index, 330, 240, index / 3), *second]


def test_poses_go_on_while_the_detector_searches_and_late_boxes_add_whoever_is_new() -> None:
    scene = Scene(walking, DetectionSchedule(6), background=True)
    background = scene.finder._search._background
    assert background is not None
    scene.step(0)
    scene.detector.go.clear()
    for index in range(1, 20):
        poses = scene.step(index)
        assert len(poses) == 1, "only who was found in the first frame"
        assert nearest(poses, walking(index)[0])[1] < 1
        assert scene.finder.detections <= 2
    scene.detector.go.set()
    assert background.wait(10)
    for index in range(20, 40):
        poses = scene.step(index)
        assert background.wait(10)
    assert len(poses) == 2, "nobody twice, nobody left out"
    assert sorted(p.track_id or 0 for p in poses) == [1, 2]
    scene.finder.close()


def test_a_result_from_before_a_cut_is_not_used() -> None:
    def world(index: int) -> Figures:
        return [figure(150, 330, 240)] if index < 9 else [figure(450, 330, 240)]

    scene = Scene(world, DetectionSchedule(4), background=True)
    background = scene.finder._search._background
    assert background is not None
    for index in range(8):
        scene.step(index, seed=1)
        assert background.wait(10)
    scene.detector.go.clear()
    scene.finder._search._since_detection = 4  # the next frame is offered to the thread, which holds it
    scene.step(8, seed=1)
    scene.detector.go.set()
    poses = scene.step(9, seed=2)
    assert len(poses) == 1
    assert nearest(poses, world(9)[0])[1] < 1
    assert background.wait(10)
    for index in range(10, 14):
        poses = scene.step(index, seed=2)
        assert len(poses) == 1
        assert nearest(poses, world(index)[0])[1] < 1
    scene.finder.close()
