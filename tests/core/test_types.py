"""A pose in another picture's pixels: keypoints are pixel centres, boxes lie on edges."""

from __future__ import annotations

import numpy as np
import pytest

from shufflecam.core.types import Pose

WIDTH, HEIGHT = 60, 40


def pose(smoothed: bool = True) -> Pose:
    points = np.array([(3, 4), (np.nan, np.nan), (59, 39)], np.float32)
    scores = np.array([0.9, 0, 0.8], np.float32)
    box = np.array([2, 3, 60, 40], np.float32)
    return Pose(box, 0.5, points, scores, 0.7, 6, points + 1 if smoothed else None)


def test_the_box_is_the_hull_of_its_moved_corners_and_nothing_else_changes() -> None:
    before = pose()
    moved = before.moved(
        lambda points: np.array([WIDTH - 1, HEIGHT - 1]) - points,
        edges=lambda corners: np.array([WIDTH, HEIGHT]) - corners,
    )
    np.testing.assert_array_equal(moved.box_xyxy, (0, 0, 58, 37))
    np.testing.assert_array_equal(moved.keypoints, [(56, 35), (np.nan, np.nan), (0, 0)])
    assert moved.keypoints_smoothed is not None
    np.testing.assert_array_equal(moved.keypoints_smoothed, [(55, 34), (np.nan, np.nan), (-1, -1)])
    assert (moved.box_score, moved.score, moved.track_id) == (0.5, 0.7, 6)
    assert moved.scores is before.scores
    np.testing.assert_array_equal(before.box_xyxy, (2, 3, 60, 40))


def test_without_edges_one_function_maps_all_and_the_result_is_float32() -> None:
    moved = pose(smoothed=False).moved(lambda points: points * np.array([2.0, 0.5]))
    np.testing.assert_array_equal(moved.box_xyxy, (4, 1.5, 120, 20))
    assert moved.keypoints_smoothed is None
    assert {moved.box_xyxy.dtype, moved.keypoints.dtype} == {np.dtype(np.float32)}


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_corners_stay_in_order_after_quarter_turns(turns: int) -> None:
    angle = turns * np.pi / 2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    x1, y1, x2, y2 = pose().moved(lambda points: points @ turn.T).box_xyxy
    assert x1 < x2
    assert y1 < y2
    sides = {round(float(x2 - x1)), round(float(y2 - y1))}
    assert sides == {58, 37}
