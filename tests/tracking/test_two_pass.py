"""Smoothing that knows what comes next: no lag, less trembling, raw values untouched."""

from __future__ import annotations

import numpy as np
import pytest

from shufflecam.core.protocols import Sink
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import Frame, FrameResult, Pose
from shufflecam.tracking.smoother import OneEuroSmoother
from shufflecam.tracking.two_pass import OfflineSmoother
from tests.tracking.test_smoother import PERSON, SIZE, WRIST, lag_in_frames, person, smoothed_path

PICTURE = np.zeros((2, 2, 3), np.uint8)


def run(frames: list[list[Pose]], times: list[float] | None = None) -> list[FrameResult]:
    """All frames through both readings."""
    times = [i / 30 for i in range(len(frames))] if times is None else times
    smoother = OfflineSmoother(COCO_17)
    assert isinstance(smoother, Sink)
    for number, (poses, time) in enumerate(zip(frames, times, strict=True)):
        smoother.write(FrameResult(Frame(PICTURE, number, time), tuple(poses)))
    smoother.turn_round()
    results = [smoother.find(Frame(PICTURE, number, time)) for number, time in enumerate(times)]
    smoother.delete()
    return results


def offline_path(path: np.ndarray, fps: float = 30.0) -> np.ndarray:
    results = run([[person(offset)] for offset in path], [i / fps for i in range(len(path))])
    return np.array([result.poses[0].drawn_keypoints[WRIST] for result in results]) - PERSON[WRIST]


def wave(frames: int = 120) -> np.ndarray:
    """(N, 2): the wrist goes to and fro once a second, 120 px each way: six frames' worth of lag are seen."""
    x = 120 * np.sin(2 * np.pi * np.arange(frames) / 30)
    return np.stack([x, np.zeros(frames)], axis=1)


def test_a_moving_wrist_does_not_lag() -> None:
    online = lag_in_frames(wave()[:, 0], smoothed_path(wave(), 30)[:, 0])
    offline = lag_in_frames(wave()[:, 0], offline_path(wave())[:, 0])
    assert online > 0.3
    assert offline < 0.05
    assert np.abs(offline_path(wave()) - wave()).max() < np.abs(smoothed_path(wave(), 30) - wave()).max()


def test_a_still_person_trembles_less_than_with_one_direction() -> None:
    noise = np.random.default_rng(0).normal(0, 2.0, (300, 2))
    one_way = smoothed_path(noise, 30)[30:-30].std()
    assert offline_path(noise)[30:-30].std() < 0.85 * one_way


def test_uneven_times_are_the_frames_own() -> None:
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.choice([1 / 60, 1 / 30, 1 / 10], 90)).tolist()
    straight = [[person(np.array([300 * time, 0.0]))] for time in times]
    results = run(straight, times)
    drawn = np.array([result.poses[0].drawn_keypoints[WRIST, 0] for result in results])
    expected = PERSON[WRIST, 0] + 300 * np.array(times)
    assert np.abs(drawn - expected)[10:-10].max() < 3


def test_everything_else_comes_back_as_it_was() -> None:
    def there(number: int) -> list[Pose]:
        first = person(np.array([number, 0.0]), track_id=1)
        second = person(np.array([0.0, 2.0 * number]), track_id=7 if number < 8 else None)
        second.keypoints[3] = np.nan
        return [first, second] if number % 5 else [second]

    frames = [there(number) for number in range(12)]
    for poses, result in zip(frames, run(frames), strict=True):
        assert [pose.track_id for pose in result.poses] == [pose.track_id for pose in poses]
        for before, after in zip(poses, result.poses, strict=True):
            np.testing.assert_array_equal(after.keypoints, before.keypoints)
            np.testing.assert_array_equal(after.box_xyxy, before.box_xyxy)
            np.testing.assert_array_equal(after.scores, before.scores)
            assert (after.score, after.box_score) == (before.score, before.box_score)
            assert (after.keypoints_smoothed is None) == (before.track_id is None)
            np.testing.assert_array_equal(np.isnan(after.drawn_keypoints), np.isnan(before.keypoints))


def test_nobody_at_all_and_more_frames_than_before() -> None:
    smoother = OfflineSmoother(COCO_17)
    smoother.write(FrameResult(Frame(PICTURE, 0, 0.0)))
    smoother.turn_round()
    assert smoother.find(Frame(PICTURE, 0, 0.0)).poses == ()
    assert smoother.find(Frame(PICTURE, 1, 1 / 30)).poses == ()
    smoother.delete()


def test_a_full_disk_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from shufflecam.core.errors import OutputError

    class Full:
        def write(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    smoother = OfflineSmoother(COCO_17)
    monkeypatch.setattr(smoother, "_found", Full())
    with pytest.raises(OutputError, match=r"cannot keep its keypoints in .* \(No space left on device\)"):
        smoother.write(FrameResult(Frame(PICTURE, 0, 0.0), (person(),)))


def test_a_joint_that_leaps_and_stays_is_never_drawn_halfway() -> None:
    leap = np.array([[0.0, 0.0]] * 15 + [[-0.4 * SIZE, 0.0]] * 15)
    frames = [[person()] for _ in leap]
    for (pose,), offset in zip(frames, leap, strict=True):
        pose.keypoints[WRIST] += offset.astype(np.float32)
    results = run(frames)
    for number, result in enumerate(results):
        (pose,) = result.poses
        place = pose.drawn_keypoints[WRIST] - PERSON[WRIST]
        assert np.linalg.norm(place - leap[[0, -1]], axis=1).min() < 0.02 * SIZE
        assert (pose.drawn_scores[WRIST] > 0.3) == (number not in (16, 17)), "as without knowing what comes"


def test_joints_come_and_go_as_in_one_direction_and_no_limb_doubles() -> None:
    rng = np.random.default_rng(5)
    frames = [[person()] for _ in range(60)]
    for (pose,) in frames:
        pose.scores[:] = rng.uniform(0.15, 0.5, 17)
        pose.keypoints[:] += rng.normal(0, 0.06 * SIZE, (17, 2))
    one_way = OneEuroSmoother(skeleton=COCO_17)
    limbs = [edge for edge in COCO_17.edges if COCO_17.is_limb(*edge)]
    before = None
    for number, result in enumerate(run(frames)):
        (pose,) = result.poses
        (expected,) = one_way.update(frames[number], number / 30)
        np.testing.assert_array_equal(pose.drawn_scores, expected.drawn_scores)
        lengths = np.array(
            [np.linalg.norm(pose.drawn_keypoints[a] - pose.drawn_keypoints[b]) for a, b in limbs]
        )
        if before is not None:
            assert (np.maximum(lengths, before) / np.minimum(lengths, before)).max() < 2.0
        before = lengths
