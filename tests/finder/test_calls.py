"""A finder called with pictures, as programs do: their times, lists of them, and arrays of other kinds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from shufflecam.core.errors import UsageError
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import Detections, Frame, ImageArray, Pose
from shufflecam.finder.finder import PoseFinder, Provenance
from shufflecam.tracking.smoother import OneEuroSmoother
from shufflecam.tracking.tracker import PoseTracker
from tests.helpers.people import figure, pose_of

PICTURE = np.zeros((480, 640, 3), np.uint8)
README = Path(__file__).parents[2] / "README.md"


class Walker:
    """Detector and estimator of one person who walks on with every picture, and keeps what it was given."""

    skeleton = COCO_17

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def detect(self, frame: Frame) -> Detections:
        self.frames.append(frame)
        return Detections(np.array([[50, 50, 300, 450]], np.float32), np.ones(1, np.float32))

    def estimate(self, image: ImageArray, detections: Detections) -> list[Pose]:
        return [pose_of(figure(150 + 6 * len(self.frames), 330, 240))]


@pytest.fixture
def walker() -> Walker:
    return Walker()


@pytest.fixture
def finder_at(walker: Walker) -> Callable[[float | None], PoseFinder]:
    def make(rate: float | None) -> PoseFinder:
        return PoseFinder(
            walker,
            walker,
            Provenance({}, {}),
            tracker=PoseTracker(COCO_17),
            smoother=OneEuroSmoother(),
            rate=rate,
        )

    return make


@pytest.mark.parametrize(("rate", "step_s"), [(None, 1 / 30), (5.0, 0.2)])
def test_without_a_time_pictures_come_at_the_rate_that_is_documented(
    walker: Walker, finder_at: Callable[[float | None], PoseFinder], rate: float | None, step_s: float
) -> None:
    finder = finder_at(rate)
    for _ in range(4):
        finder(PICTURE)
    times = [frame.timestamp_s for frame in walker.frames]
    np.testing.assert_allclose(times, [0, step_s, 2 * step_s, 3 * step_s])
    assert [frame.index for frame in walker.frames] == [0, 1, 2, 3]


def test_smoothing_by_the_pictures_own_times_is_that_of_a_video(
    walker: Walker, finder_at: Callable[[float | None], PoseFinder]
) -> None:
    timed, frames = finder_at(None), finder_at(None)
    walker.frames.clear()
    called = [timed(PICTURE, time=10 + number / 60)[0].drawn_keypoints for number in range(6)]
    walker.frames.clear()
    video = [
        frames.find(Frame(PICTURE, number, 10 + number / 60)).poses[0].drawn_keypoints for number in range(6)
    ]
    np.testing.assert_array_equal(called, video)


@pytest.mark.parametrize("time", [1.0, 0.5, float("nan"), float("inf")])
def test_a_time_that_does_not_rise_is_refused(
    finder_at: Callable[[float | None], PoseFinder], time: float
) -> None:
    finder = finder_at(None)
    finder(PICTURE, time=1.0)
    with pytest.raises(UsageError, match=r"has to be later than the last one, 1 s"):
        finder(PICTURE, time=time)


def test_a_picture_without_a_time_follows_the_last_one(
    walker: Walker, finder_at: Callable[[float | None], PoseFinder]
) -> None:
    finder = finder_at(10)
    finder(PICTURE, time=7.0)
    finder(PICTURE)
    assert walker.frames[-1].timestamp_s == pytest.approx(7.1)


def test_lists_give_lists(walker: Walker, finder_at: Callable[[float | None], PoseFinder]) -> None:
    finder = finder_at(None)
    found = finder([PICTURE, PICTURE[:, :, 0], PICTURE / 255], time=[0.0, 0.5, 0.9])
    assert [len(poses) for poses in found] == [1, 1, 1]
    assert [frame.timestamp_s for frame in walker.frames] == [0.0, 0.5, 0.9]
    assert all(frame.image.shape == (480, 640, 3) for frame in walker.frames)
    assert finder([]) == []
    assert finder(np.zeros((0, 0, 3), np.uint8)) == [], "nobody is in an empty picture"


def test_times_that_do_not_fit_the_pictures(finder_at: Callable[[float | None], PoseFinder]) -> None:
    finder = finder_at(None)
    with pytest.raises(UsageError, match="There are 2 pictures and 1 times"):
        finder([PICTURE, PICTURE], time=[0.0])
    with pytest.raises(UsageError, match="There are 2 pictures and one times"):
        finder([PICTURE, PICTURE], time=0.5)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="one number of seconds"):
        finder(PICTURE, time=[0.5])  # type: ignore[call-overload]


def test_a_picture_that_was_not_there(finder_at: Callable[[float | None], PoseFinder]) -> None:
    with pytest.raises(UsageError, match="could not be read"):
        finder_at(None)(cv2.imread("there-is-none.jpg"))


def test_the_readme_s_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [block] = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.S | re.M)
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("me.jpg", np.full((64, 48, 3), 127, np.uint8))
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert names["poses"] == []
