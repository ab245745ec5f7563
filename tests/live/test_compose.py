"""The picture as the keys have it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import Frame, FrameResult
from shufflecam.drawing.look import Look
from shufflecam.live.compose import Appearance, add_overlays, compose, mirror_poses
from shufflecam.live.hud import Figures
from shufflecam.live.state import LiveState
from tests.helpers.people import figure, pose_of

SCENE = Appearance(COCO_17)
SIZE = (320, 240)


@pytest.fixture
def result() -> FrameResult:
    ramp = np.linspace(40, 90, SIZE[0], dtype=np.uint8)
    image = np.repeat(np.repeat(ramp[None, :, None], SIZE[1], axis=0), 3, axis=2)
    poses = [pose_of(figure(x, 220, 160), track_id=track_id) for x, track_id in ((80, 1), (230, 2))]
    return FrameResult(Frame(image, 0, 0.0), tuple(poses), 0.04)


def changed(result: FrameResult, state: LiveState) -> np.ndarray:
    """(H, W) where the drawing differs from the camera's picture."""
    return (compose(result, state, SCENE) != result.frame.image).any(axis=2)


def test_the_camera_s_picture_stays_as_it_is(result: FrameResult) -> None:
    before = result.frame.image.copy()
    canvas = np.zeros_like(before)
    drawn = compose(result, LiveState(mirror=True, view="black"), SCENE, canvas)
    assert drawn is canvas
    np.testing.assert_array_equal(result.frame.image, before)
    assert compose(result, LiveState(), SCENE, np.zeros((3, 3, 3), np.uint8)).shape == before.shape
    assert compose(result, LiveState(), SCENE, result.frame.image) is not result.frame.image


def test_everybody_or_one(result: FrameResult) -> None:
    both = changed(result, LiveState())
    assert both[:, :155].any()
    assert both[:, 165:].any()
    one = changed(result, LiveState(only=2))
    assert not one[:, :155].any()
    assert one[:, 165:].any()
    assert not changed(result, LiveState(only=9)).any()


def test_views(result: FrameResult) -> None:
    whole = changed(result, LiveState(ids=False)).sum()
    dots = changed(result, LiveState(ids=False, view="keypoints")).sum()
    assert 0 < dots < whole
    black = compose(result, LiveState(view="black"), SCENE)
    assert black[0, 0].tolist() == [0, 0, 0]
    assert black.any()


def test_ids_boxes_and_threshold(result: FrameResult) -> None:
    plain = changed(result, LiveState(ids=False)).sum()
    assert changed(result, LiveState()).sum() > plain
    assert changed(result, LiveState(ids=False, boxes=True)).sum() > plain
    assert not changed(result, LiveState(ids=False, kpt_thr=1.0)).any()


def test_the_mirror_image_is_the_picture_turned(result: FrameResult) -> None:
    straight = compose(result, LiveState(ids=False), SCENE)
    mirrored = compose(result, LiveState(ids=False, mirror=True), SCENE)
    # Sub-pixel rounding differs by a fringe; the people are at the same place.
    differs = (cv2.absdiff(straight[:, ::-1], mirrored).max(axis=2) > 60).mean()
    assert differs < 0.01
    assert (cv2.absdiff(straight, mirrored).max(axis=2) > 60).mean() > 0.01


def test_mirrored_poses_keep_left_left() -> None:
    keypoints = np.full((17, 2), np.nan, np.float32)
    keypoints[0] = (3, 5)
    (pose,) = mirror_poses([pose_of(keypoints)], 40)
    assert pose.keypoints[0].tolist() == [36, 5]
    assert np.isnan(pose.keypoints[1:]).all()


def test_a_mirrored_box_lies_on_the_edges_of_the_same_pixels() -> None:
    whole = replace(pose_of(np.full((17, 2), 5.0)), box_xyxy=np.array([0, 0, 40, 30], np.float32))
    left = replace(whole, box_xyxy=np.array([0, 0, 10, 30], np.float32))
    boxes = [pose.box_xyxy.tolist() for pose in mirror_poses([whole, left], 40)]
    assert boxes == [[0, 0, 40, 30], [30, 0, 40, 30]]


def test_smoothed_joints_and_scores_are_mirrored_together() -> None:
    pose = pose_of(np.full((17, 2), 5.0))
    smoothed = np.tile(np.arange(17, dtype=np.float32)[:, None], (1, 2))
    scores = np.linspace(0, 1, 17, dtype=np.float32)
    (turned,) = mirror_poses([replace(pose, keypoints_smoothed=smoothed, scores_smoothed=scores)], 40)
    assert turned.drawn_keypoints[:, 0].tolist() == [39 - x for x in range(17)]
    assert turned.drawn_scores.tolist() == scores.tolist()


@pytest.mark.parametrize("size", [(64, 48), (96, 400), (640, 480), (1920, 1080)])
def test_overlays_fit_every_picture(size: tuple[int, int]) -> None:
    canvas = np.full((size[1], size[0], 3), 200, np.uint8)
    figures = Figures(
        40, 30, 30, 30, 1, 0, "openvino", recorded_s=3.0, trouble="The camera is gone; trying again"
    )
    add_overlays(canvas, figures, LiveState(help=True))
    middle = canvas[size[1] // 2 - 4 : size[1] // 2 + 4, size[0] // 2 - 8 : size[0] // 2 + 8]
    assert (middle < 120).any()  # the help's panel
    corner = canvas[-size[1] // 6 :, -size[0] // 6 :].astype(int)
    assert ((corner[..., 2] - corner[..., 1]) > 100).any()  # the red dot
    assert (canvas[:3] < 120).any()  # the HUD's strip


def test_without_a_recording_there_is_no_dot() -> None:
    canvas = np.full((240, 320, 3), 200, np.uint8)
    add_overlays(canvas, Figures(), LiveState())
    assert (canvas[80:] == 200).all()


def test_hidden_faces_stay_hidden_whoever_is_drawn(result: FrameResult) -> None:
    noise = np.random.default_rng(1).integers(0, 255, result.frame.image.shape, dtype=np.uint8)
    result = FrameResult(Frame(noise, 0, 0.0), result.poses)
    appearance = Appearance(COCO_17, Look(blur_faces=True))
    hidden = compose(result, LiveState(only=2, ids=False), appearance)
    nose = result.poses[0].keypoints[0].astype(int)
    around = np.s_[nose[1] - 4 : nose[1] + 5, nose[0] - 4 : nose[0] + 5]
    assert (hidden[around] != noise[around]).mean() > 0.9
