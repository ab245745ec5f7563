from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shufflecam.core.protocols import Smoother
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import Pose
from shufflecam.tracking.smoother import FORGET_S, OneEuroSmoother
from tests.helpers.people import figure, pose_of

HEIGHT = 640.0
PERSON = figure(640, 700, HEIGHT)
SIZE = 400.0  # the root of the box's area, below
WRIST = 9


def person(
    offset: np.ndarray | float = 0.0, *, scale: float = 1.0, score: float = 0.9, track_id: int | None = 1
) -> Pose:
    """Somebody `scale` x 640 px tall whose joints are all `offset` pixels away from where they stand."""
    joints = ((PERSON + offset) * scale).astype(np.float32)
    box = np.array([515, 60, 765, 700], np.float32) * np.float32(scale)
    return replace(pose_of(joints, score=score, track_id=track_id), box_xyxy=box)


def smoothed_path(path: np.ndarray, fps: float, *, scale: float = 1.0, score: float = 0.9) -> np.ndarray:
    """(N, 2) offsets in, (N, 2) offsets of the smoothed wrist out."""
    smoother = OneEuroSmoother()
    out = [
        smoother.update([person(offset, scale=scale, score=score)], i / fps)[0].drawn_keypoints[WRIST]
        for i, offset in enumerate(path)
    ]
    return np.array(out) / scale - PERSON[WRIST]


def lag_in_frames(path: np.ndarray, smoothed: np.ndarray) -> float:
    """By how many frames `smoothed` is behind, where it fits best."""
    frames = np.arange(len(path))
    lags = np.linspace(0, 4, 401)
    half = len(path) // 4  # after the start
    errors = [np.abs(np.interp(frames - lag, frames, path) - smoothed)[half:].mean() for lag in lags]
    return float(lags[int(np.argmin(errors))])


def test_is_a_smoother() -> None:
    assert isinstance(OneEuroSmoother(), Smoother)


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_a_still_person_trembles_less_than_a_pixel(fps: float) -> None:
    noise = np.random.default_rng(0).normal(0, 2.0, (round(20 * fps), 2))
    steady = smoothed_path(noise, fps)[round(fps) :]
    assert steady.std(axis=0).max() < 1.0
    # From one frame to the next, which is what the eye sees: raw it is 2.3 px.
    assert np.abs(np.diff(steady, axis=0)).mean() < 0.5


@pytest.mark.parametrize("speed", [1.0, 2.0, 4.0])
def test_a_fast_wrist_lags_less_than_a_frame(speed: float) -> None:
    frames = np.arange(60)[:, None]
    path = frames / 30.0 * speed * SIZE * np.array([[1.0, 0.0]])
    behind = (path - smoothed_path(path, 30.0))[:, 0]
    assert behind.max() < speed * SIZE / 30.0  # also while it sets off


@pytest.mark.parametrize("hertz", [1.0, 2.0, 3.0])
def test_a_waving_wrist_lags_less_than_a_frame(hertz: float) -> None:
    wave = 0.3 * SIZE * np.sin(2 * math.pi * hertz * np.arange(120) / 30.0)
    smoothed = smoothed_path(np.stack([wave, 0 * wave], axis=1), 30.0)[:, 0]
    assert lag_in_frames(wave, smoothed) < 1.0
    assert np.ptp(smoothed[30:]) > 0.85 * np.ptp(wave)  # and reaches almost as far


def test_a_joint_that_is_not_sure_trembles_less_but_moves_as_fast() -> None:
    noise = np.random.default_rng(0).normal(0, 2.0, (600, 2))
    sure, unsure = (smoothed_path(noise, 30.0, score=score)[30:].std() for score in (0.9, 0.1))
    assert unsure < 0.95 * sure
    path = np.arange(60)[:, None] / 30.0 * 2 * SIZE * np.array([[1.0, 0.0]])
    assert (path - smoothed_path(path, 30.0, score=0.1)).max() < 2 * SIZE / 30.0


def test_every_resolution_is_smoothed_alike() -> None:
    path = np.random.default_rng(1).normal(0, 3.0, (60, 2)).cumsum(axis=0)
    np.testing.assert_allclose(
        smoothed_path(path, 30.0, scale=0.25), smoothed_path(path, 30.0), atol=0.02, rtol=0
    )


@settings(deadline=None)
@given(
    st.lists(st.floats(0.001, 0.4), min_size=1, max_size=20),
    st.floats(-5000, 5000, width=32),
    st.floats(1, 2000),
)
def test_a_constant_stays_the_constant(steps: list[float], place: float, height: float) -> None:
    smoother = OneEuroSmoother()
    pose = pose_of(figure(place, 450, height), track_id=1)
    now = 0.0
    for step in steps:
        now += step
        out = smoother.update([pose], now)[0]
        np.testing.assert_array_equal(out.keypoints_smoothed, pose.keypoints)


def test_raw_keypoints_and_order_stay() -> None:
    smoother = OneEuroSmoother()
    smoother.update([person(0.0, track_id=1), person(0.0, track_id=2)], 0.0)
    poses = [person(30.0, track_id=2), person(-30.0, track_id=1)]
    out = smoother.update(poses, 1 / 30)
    assert [pose.track_id for pose in out] == [2, 1]
    for before, after in zip(poses, out, strict=True):
        np.testing.assert_array_equal(after.keypoints, before.keypoints)
        assert not np.array_equal(after.keypoints_smoothed, before.keypoints)


def test_without_an_id_nothing_is_smoothed() -> None:
    pose = person(track_id=None)
    assert OneEuroSmoother().update([pose], 0.0)[0] is pose


def test_a_missing_joint_is_bridged_for_one_frame_then_missing_and_starts_anew() -> None:
    smoother = OneEuroSmoother()
    smoother.update([person(0.0)], 0.0)
    gap = person(10.0)
    gap.keypoints[WRIST] = np.nan
    bridged = smoother.update([gap], 1 / 30)[0]
    assert np.isnan(bridged.keypoints[WRIST]).all()  # the raw ones say what the network saw
    assert np.isfinite(bridged.drawn_keypoints).all()
    out = smoother.update([gap], 2 / 30)[0].keypoints_smoothed
    assert out is not None
    assert np.isnan(out[WRIST]).all()
    assert np.isfinite(np.delete(out, WRIST, axis=0)).all()
    # It comes back far away: there at once, without a slide from where it was.
    back = smoother.update([person(200.0)], 3 / 30)[0]
    assert back.keypoints_smoothed is not None
    np.testing.assert_array_equal(back.keypoints_smoothed[WRIST], back.keypoints[WRIST])
    assert not np.array_equal(back.keypoints_smoothed[10], back.keypoints[10])


def scored(*scores: float) -> list[float]:
    """What the wrist's score is after smoothing, of a person who stands still at 30 fps."""
    smoother, steadied = OneEuroSmoother(skeleton=COCO_17), []
    for number, score in enumerate(scores):
        pose = person(0.0)
        pose.scores[WRIST] = score
        steadied.append(float(smoother.update([pose], number / 30)[0].drawn_scores[WRIST]))
    return steadied


def test_a_joint_comes_at_a_threshold_and_goes_a_tenth_below_it() -> None:
    shown = [score >= 0.3 for score in scored(0.1, 0.31, 0.31, 0.25, 0.22, 0.24, 0.15, 0.15, 0.25, 0.25)]
    assert shown == [False, False, True, True, True, True, True, False, False, False]


def test_a_joint_that_comes_or_goes_for_one_frame_does_not_blink() -> None:
    assert [score >= 0.3 for score in scored(0.6, 0.6, 0.05, 0.6, 0.6)] == [True] * 5
    assert [score >= 0.3 for score in scored(0.1, 0.1, 0.9, 0.1, 0.1)] == [False] * 5


def test_the_raw_scores_stay_as_they_are() -> None:
    smoother = OneEuroSmoother()
    smoother.update([person(0.0)], 0.0)
    dim = person(0.0)
    dim.scores[WRIST] = 0.05
    assert smoother.update([dim], 1 / 30)[0].scores[WRIST] == np.float32(0.05)


def leapt(*offsets: float) -> list[tuple[float, bool]]:
    """How far the wrist is drawn from where it began, and whether it is sure; the person stands still."""
    smoother, drawn = OneEuroSmoother(skeleton=COCO_17), []
    for number, offset in enumerate(offsets):
        pose = person(0.0)
        begin = float(pose.keypoints[WRIST, 0])
        pose.keypoints[WRIST, 0] += offset
        out = smoother.update([pose], number / 30)[0]
        drawn.append((float(out.drawn_keypoints[WRIST, 0]) - begin, bool(out.drawn_scores[WRIST] >= 0.3)))
    return drawn


def test_a_joint_that_leaps_and_is_back_is_bridged() -> None:

    assert all(abs(x) < 1 and sure for x, sure in leapt(0, 0, 0.6 * SIZE, 0, 0))


def test_a_joint_that_leaps_and_stays_is_not_sure_on_its_way() -> None:
    far = 0.6 * SIZE
    drawn = leapt(0, 0, far, far, far, far, far)
    assert [sure for _, sure in drawn] == [True, True, True, False, False, True, True]
    assert [round(x / far) for x, sure in drawn if sure] == [0, 0, 0, 1, 1]


def test_the_fastest_of_people_do_not_leap() -> None:
    step = 5.0 / 30 * SIZE  # five person sizes a second, a sprinter's foot
    drawn = leapt(*(number * step for number in range(8)))
    assert all(sure for _, sure in drawn)
    assert drawn[-1][0] > 6 * step


def test_a_camera_that_is_jerked_makes_nothing_leap() -> None:
    smoother = OneEuroSmoother(skeleton=COCO_17)
    for number, shift in enumerate((0.0, 0.0, 0.8, 0.8, 0.8)):
        pose = person(shift * SIZE)
        out = smoother.update([pose], number / 30)[0]
        assert (out.drawn_scores == pose.scores).all(), number


def test_no_limb_doubles_for_a_small_step_of_one_joint() -> None:
    smoother = OneEuroSmoother(skeleton=COCO_17)
    elbow, wrist = (COCO_17.keypoints.index(f"left_{name}") for name in ("elbow", "wrist"))
    lengths = []
    for number, offset in enumerate((10.0, 30.0, 8.0, 32.0, 9.0, 31.0)):
        pose = person(0.0)
        pose.keypoints[wrist] = pose.keypoints[elbow] + (offset, 0)
        out = smoother.update([pose], number / 5)[0].drawn_keypoints
        lengths.append(float(np.linalg.norm(out[wrist] - out[elbow])))
    for before, after in itertools.pairwise(lengths):
        assert max(before, after) <= 2 * min(before, after), lengths


def test_real_time_steps_count() -> None:
    # Half the frames dropped: after the same time the filter has gone about as far.
    def settle(fps: float) -> float:
        path = np.full((round(fps * 0.2) + 1, 2), 4.0)
        path[0] = 0.0
        return float(smoothed_path(path, fps)[-1, 0])

    assert settle(60.0) == pytest.approx(settle(30.0), abs=0.6)
    assert settle(30.0) < 3.9


@pytest.mark.parametrize("later", [0.6, -1.0])
def test_after_a_long_gap_or_a_jump_back_a_person_starts_anew(later: float) -> None:
    smoother = OneEuroSmoother()
    smoother.update([person(0.0)], 10.0)
    out = smoother.update([person(50.0)], 10.0 + later)[0]
    np.testing.assert_array_equal(out.keypoints_smoothed, out.keypoints)


def test_the_same_time_twice_changes_nothing() -> None:
    smoother = OneEuroSmoother()
    first = smoother.update([person(0.0)], 1.0)[0]
    again = smoother.update([person(50.0)], 1.0)[0]
    np.testing.assert_array_equal(again.keypoints_smoothed, first.keypoints_smoothed)


def test_people_who_are_gone_are_forgotten() -> None:
    smoother = OneEuroSmoother()
    for i in range(100):
        smoother.update([person(track_id=i + 1)], i * 1.0)
    assert len(smoother._states) <= FORGET_S + 1
    smoother.update([], 1000.0)
    assert smoother._states == {}


def test_nothing_known_at_all_is_no_error(recwarn: pytest.WarningsRecorder) -> None:
    smoother = OneEuroSmoother()
    pose = replace(
        person(), keypoints=np.full((17, 2), np.nan, np.float32), scores=np.full(17, np.nan, np.float32)
    )
    pose = replace(pose, box_xyxy=np.full(4, np.nan, np.float32))
    for i in range(3):
        out = smoother.update([pose], i / 30)[0]
    assert np.isnan(out.keypoints_smoothed).all()
    assert not recwarn.list
