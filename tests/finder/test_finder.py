"""The detector now and then, poses on every frame: nobody is lost, swapped or found too late."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from shufflecam.core.pixels import boxes_to_square, boxes_to_stored, poses_to_square, poses_to_stored
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import Detections, Frame, Pose
from shufflecam.finder.finder import PoseFinder, Provenance
from shufflecam.finder.hysteresis import Hysteresis
from shufflecam.finder.schedule import DetectionSchedule
from shufflecam.tracking.smoother import OneEuroSmoother
from shufflecam.tracking.tracker import PoseTracker
from tests.helpers.people import figure, pose_of
from tests.helpers.scenes import SIZE, Figures, Scene, SeeingDetector, SeeingEstimator, nearest, picture

N = 10


def walking(index: int) -> list[np.ndarray]:
    return [figure(120 + 4 * index, 330, 240, phase=index / 3)]


def test_somebody_walking_is_followed_with_one_detection_in_ten_frames() -> None:
    scene = Scene(walking, DetectionSchedule(N))
    for index in range(60):
        poses = scene.step(index)
        assert len(poses) == 1
        assert nearest(poses, walking(index)[0])[1] < 1
        assert poses[0].track_id == 1
    assert scene.detector.frames == [0, 10, 20, 30, 40, 50]
    assert scene.estimator.runs == 60, "one pass of the network a frame"
    assert scene.finder.how_often() == ", detector ran 6 times (every 10.0 frames)"


def test_with_one_the_detector_runs_on_every_frame() -> None:
    scene = Scene(walking, DetectionSchedule(1))
    for index in range(5):
        scene.step(index)
    assert scene.detector.frames == [0, 1, 2, 3, 4]
    assert scene.finder.how_often() == ""


def test_two_who_cross_are_both_there_afterwards() -> None:
    def crossing(index: int) -> Figures:
        return [figure(120 + 8 * index, 330, 240, index / 3), figure(520 - 8 * index, 335, 230, index / 4)]

    scene = Scene(crossing, DetectionSchedule(N))
    for index in range(50):
        poses = scene.step(index)
        apart = abs(120 + 8 * index - (520 - 8 * index)) > 120
        if apart:
            assert len(poses) == 2
            assert all(nearest(poses, joints)[1] < 1 for joints in crossing(index)), index
    assert len(scene.detector.frames) < 25


def test_a_box_that_lost_its_person_calls_the_detector_at_once() -> None:
    def jumping(index: int) -> Figures:
        return [figure(120 if index < 13 else 500, 330, 240)]

    scene = Scene(jumping, DetectionSchedule(N))
    for index in range(16):
        poses = scene.step(index)
        assert len(poses) == 1
        assert nearest(poses, jumping(index)[0])[1] < 1
    assert 13 in scene.detector.frames


def test_somebody_who_leaves_is_not_drawn_on() -> None:
    def leaving(index: int) -> Figures:
        return [figure(300, 330, 240)] if index < 15 else []

    scene = Scene(leaving, DetectionSchedule(N))
    counts = [len(scene.step(index)) for index in range(25)]
    assert counts[:15] == [1] * 15
    assert counts[15:] == [0] * 10


@pytest.mark.parametrize("height", [60, 240])
def test_somebody_new_is_found_within_n_frames(height: int) -> None:
    def entering(index: int) -> Figures:
        second = [figure(560, 350, height)] if index >= 23 else []
        return [figure(200, 330, 240, index / 3), *second]

    scene = Scene(entering, DetectionSchedule(20))
    counts = [len(scene.step(index)) for index in range(44)]
    assert counts[:23] == [1] * 23
    assert counts[23 + 20 :] == [2]
    if height > 100:
        assert counts[32:] == [2] * 12, "large movement elsewhere is not waited out"


def test_in_an_empty_picture_somebody_is_found_early() -> None:
    def entering(index: int) -> Figures:
        return [figure(300, 330, 240)] if index >= 31 else []

    scene = Scene(entering, DetectionSchedule(30))
    counts = [len(scene.step(index)) for index in range(34)]
    assert counts[31:] == [1, 1, 1], "movement in an empty picture is looked at at once"


def test_a_cut_is_searched_at_once_and_ends_the_ids() -> None:
    scene = Scene(lambda index: [figure(300, 330, 240)], DetectionSchedule(N))
    before = [scene.step(index, seed=1)[0].track_id for index in range(14)]
    after = [scene.step(index, seed=2)[0].track_id for index in range(14, 18)]
    assert set(before) == {1}
    assert set(after) == {2}
    assert 14 in scene.detector.frames


def test_a_cut_ends_the_ids_with_the_detector_on_every_frame_too() -> None:
    scene = Scene(lambda index: [figure(300, 330, 240)], DetectionSchedule(1))
    assert [scene.step(i, seed=1 + (i > 2))[0].track_id for i in range(5)] == [1, 1, 1, 2, 2]


def test_a_detector_that_blinks_loses_nobody() -> None:
    scene = Scene(walking, DetectionSchedule(N))
    scene.detector.blind = {10}
    for index in range(25):
        assert [pose.track_id for pose in scene.step(index)] == [1], index


def test_a_panning_camera_does_not_call_the_detector_all_the_time() -> None:
    def panned(index: int) -> Figures:
        return [figure(320, 330, 240, index / 3)]

    scene = Scene(panned, DetectionSchedule(N))
    for index in range(60):
        scene.step(index, shift=12 * index)
    assert len(scene.detector.frames) <= 12


def test_time_that_jumps_calls_the_detector() -> None:
    scene = Scene(walking, DetectionSchedule(100))
    scene.step(0)
    scene.step(1)
    scene.step(55)
    assert scene.detector.frames == [0, 55]


def test_hidden_legs_do_not_shrink_the_box() -> None:
    scene = Scene(walking, DetectionSchedule(30))
    scene.step(0)
    estimate = scene.estimator.estimate

    def without_legs(image: np.ndarray, detections: Detections) -> list[Pose]:
        poses = estimate(image, detections)
        for pose in poses:
            pose.scores[11:] = 0.1
        return poses

    whole = scene.step(1)[0].box_xyxy
    scene.estimator.estimate = without_legs  # type: ignore[method-assign]
    for index in range(2, 20):
        box = scene.step(index)[0].box_xyxy
    assert box[3] - box[1] > 0.95 * (whole[3] - whole[1])
    assert abs(float(box[0] - whole[0]) - 4 * 18) < 15, "it goes on with the person"
    assert scene.detector.frames == [0]


def test_somebody_whom_the_network_cannot_make_out_keeps_the_box() -> None:
    scene = Scene(walking, DetectionSchedule(6))
    scene.estimator.estimate = lambda image, detections: [  # type: ignore[method-assign]
        pose_of(walking(0)[0], score=0.1) for _ in detections.boxes_xyxy
    ]
    assert [len(scene.step(index)) for index in range(12)] == [1] * 12
    assert 3 <= len(scene.detector.frames) <= 8


def test_boxes_stay_in_the_picture() -> None:
    def out(index: int) -> list[np.ndarray]:
        return [figure(560 + 6 * index, 330, 240)]

    scene = Scene(out, DetectionSchedule(N))
    for index in range(30):
        for pose in scene.step(index):
            assert (pose.box_xyxy[:2] >= 0).all()
            assert pose.box_xyxy[2] <= SIZE[0]


def test_the_same_world_gives_the_same_poses_and_detections() -> None:
    def run(world: Callable[[int], Figures]) -> tuple[list[int], list[np.ndarray]]:
        scene = Scene(world, DetectionSchedule(None, rate=30))
        boxes = [pose.box_xyxy for index in range(30) for pose in scene.step(index)]
        return scene.detector.frames, boxes

    first, second = run(walking), run(walking)
    assert first[0] == second[0] == [0, 10, 20]
    np.testing.assert_array_equal(first[1], second[1])


def test_on_a_slow_machine_the_detector_still_runs_once_a_second() -> None:
    """A camera of 30 fps of which every sixth frame is reached: 30 frames would be six seconds."""
    cadence = DetectionSchedule(None, rate=30, live=True)
    for _ in range(50):
        cadence.observe(0.3, 0.2)
    assert cadence.every == 30
    scene = Scene(lambda index: [figure(300, 330, 240, index / 30)], cadence)
    for index in range(0, 180, 6):
        scene.step(index)
    assert scene.detector.frames == [0, 30, 60, 90, 120, 150]


@pytest.mark.parametrize("every", [1, N])
def test_who_came_in_surely_stays_when_the_score_falls(every: int) -> None:
    scene = Scene(walking, DetectionSchedule(every), admission=Hysteresis(0.4))
    for index in range(40):
        scene.detector.score = 0.5 if index == 0 else 0.3
        poses = scene.step(index)
        assert [pose.track_id for pose in poses] == [1], index


def test_who_was_never_sure_does_not_come_in() -> None:
    scene = Scene(walking, DetectionSchedule(1), admission=Hysteresis(0.4))
    scene.detector.score = 0.3
    assert [scene.step(index) for index in range(10)] == [[]] * 10


def test_a_cut_closes_the_door() -> None:
    scene = Scene(walking, DetectionSchedule(1), admission=Hysteresis(0.4))
    scene.step(0)
    scene.detector.score = 0.3
    assert len(scene.step(1)) == 1
    assert scene.step(2, seed=5) == []


class Anamorphic:
    """A seeing network whose picture is stored with pixels `ASPECT` times as wide as high."""

    ASPECT = 64 / 45
    skeleton = COCO_17

    def __init__(self, world: Callable[[int], Figures]) -> None:
        self.detector, self.estimator = SeeingDetector(world), SeeingEstimator(world)

    def detect(self, frame: Frame) -> Detections:
        assert frame.pixel_aspect == self.ASPECT
        return boxes_to_stored(self.detector.detect(frame), self.ASPECT)

    def estimate(self, image: np.ndarray, detections: Detections, pixel_aspect: float = 1.0) -> list[Pose]:
        assert pixel_aspect == self.ASPECT
        seen = boxes_to_square(detections, pixel_aspect)
        return poses_to_stored(self.estimator.estimate(image, seen), pixel_aspect)


@pytest.mark.parametrize("every", [1, N])
def test_who_is_who_and_where_is_as_in_the_picture_that_is_shown(every: int) -> None:
    def crossing(index: int) -> Figures:
        return [figure(120 + 9 * index, 330, 240, index / 3), figure(520 - 9 * index, 335, 230, index / 2)]

    square = PoseFinder(
        SeeingDetector(crossing),
        estimator := SeeingEstimator(crossing),
        Provenance({}, {}),
        tracker=PoseTracker(COCO_17),
        smoother=OneEuroSmoother(),
        cadence=DetectionSchedule(every),
    )
    seeing = Anamorphic(crossing)
    stored = PoseFinder(
        seeing,
        seeing,
        Provenance({}, {}),
        tracker=PoseTracker(COCO_17),
        smoother=OneEuroSmoother(),
        cadence=DetectionSchedule(every),
    )
    for index in range(40):
        estimator.index = seeing.estimator.index = index
        image = picture(crossing(index))
        narrow = cv2.resize(image, (round(SIZE[0] / Anamorphic.ASPECT), SIZE[1]))
        expected = square.find(Frame(image, index, index / 30)).poses
        frame = Frame(narrow, index, index / 30, pixel_aspect=Anamorphic.ASPECT)
        found = stored.find(frame).poses
        assert [pose.track_id for pose in found] == [pose.track_id for pose in expected]
        for one, other in zip(poses_to_square(found, Anamorphic.ASPECT), expected, strict=True):
            np.testing.assert_allclose(one.box_xyxy, other.box_xyxy, atol=0.01)
            np.testing.assert_allclose(one.keypoints, other.keypoints, atol=0.01)
            np.testing.assert_allclose(one.keypoints_smoothed, other.keypoints_smoothed, atol=0.01)


FLASH = {"white": 255, "black": 0}


@pytest.mark.parametrize("kind", FLASH)
@pytest.mark.parametrize("every", [1, N])
def test_a_flash_costs_nobody_the_id(every: int, kind: str) -> None:
    scene = Scene(walking, DetectionSchedule(every), admission=Hysteresis(0.4))
    ids = []
    for index in range(30):
        scene.detector.blind = {12, 13}
        flat = FLASH[kind] if index in (12, 13) else None
        ids.append([pose.track_id for pose in scene.step(index, flat=flat)])
    assert [one for one in ids[:12] + ids[14:] if one != [1]] == []


def test_an_insert_of_less_than_half_a_second_is_new_people_and_then_the_old_ones() -> None:
    scene = Scene(lambda index: [figure(300, 330, 240)], DetectionSchedule(1))
    ids = [scene.step(index, seed=1 + (10 <= index < 22))[0].track_id for index in range(40)]
    assert ids == [1] * 10 + [2] * 12 + [1] * 18


def test_a_scene_that_comes_back_late_is_a_new_one() -> None:
    scene = Scene(lambda index: [figure(300, 330, 240)], DetectionSchedule(1))
    ids = [scene.step(index, seed=1 + (10 <= index < 40))[0].track_id for index in range(50)]
    assert ids == [1] * 10 + [2] * 30 + [3] * 10
