from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shufflecam.core.skeleton import COCO_17
from shufflecam.pose.decode import decode, encode, flip_back


def peak(value: float, x: int, y: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    heatmap = np.zeros((1, 1, size[1], size[0]), np.float32)
    heatmap[0, 0, y, x] = value
    return heatmap


def test_a_lone_peak_is_found_where_it_is_with_its_height() -> None:
    keypoints, scores = decode(peak(0.75, 10, 20))
    np.testing.assert_array_equal(keypoints[0, 0], [10, 20])
    assert scores[0, 0] == 0.75


@pytest.mark.parametrize(
    ("dx", "dy", "expected"), [(1, 0, (10.25, 20)), (-1, 0, (9.75, 20)), (0, 1, (10, 20.25))]
)
def test_it_moves_a_quarter_towards_the_larger_neighbour(
    dx: int, dy: int, expected: tuple[float, float]
) -> None:
    heatmap = peak(1.0, 10, 20)
    heatmap[0, 0, 20 + dy, 10 + dx] = 0.5
    np.testing.assert_array_equal(decode(heatmap)[0][0, 0], expected)


@pytest.mark.parametrize(
    ("x", "y", "moves_x", "moves_y"),
    [(1, 20, False, True), (2, 20, True, True), (47, 20, False, True), (46, 20, True, True),
     (20, 1, True, False), (20, 63, True, False), (20, 0, False, False)],
)  # fmt: skip
def test_peaks_at_the_border_stay_as_in_the_reference(x: int, y: int, moves_x: bool, moves_y: bool) -> None:
    heatmap = peak(1.0, x, y)
    for nx, ny in ((x - 1, y), (x, y - 1)):
        if min(nx, ny) >= 0:
            heatmap[0, 0, ny, nx] = 0.5
    found = decode(heatmap)[0][0, 0]
    assert (found[0] != x) == moves_x
    assert (found[1] != y) == moves_y


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_no_positive_value_means_missing(value: float) -> None:
    keypoints, scores = decode(np.full((1, 1, 8, 8), value, np.float32))
    assert np.isnan(keypoints).all()
    assert scores[0, 0] == value


def test_nobody_is_no_keypoints() -> None:
    keypoints, scores = decode(np.zeros((0, 17, 64, 48), np.float32))
    assert keypoints.shape == (0, 17, 2)
    assert scores.shape == (0, 17)


@settings(deadline=None)
@given(st.floats(0, 47), st.floats(0, 63), st.booleans(), st.sampled_from([2.0, 3.0]))
def test_decode_undoes_encode(x: float, y: float, unbiased: bool, sigma: float) -> None:
    targets, weights = encode(
        np.array([[[x, y]]], np.float32), np.ones((1, 1)), (48, 64), sigma, unbiased=unbiased
    )
    found, scores = decode(targets)
    assert weights[0, 0] == 1
    assert np.abs(found[0, 0] - (x, y)).max() <= 0.5 + 1e-4
    assert 0.8 < scores[0, 0] <= 1


def test_a_joint_that_is_not_annotated_or_far_outside_has_no_weight() -> None:
    keypoints = np.array([[[10, 10], [10, 10], [-7, 10], [np.nan, 5]]], np.float32)
    targets, weights = encode(keypoints, np.array([[1, 0, 1, 1]]), (48, 64), 2.0)
    np.testing.assert_array_equal(weights[0], [1, 0, 0, 0])
    assert targets[0, 1:].max() == 0


def test_biased_targets_are_cut_at_three_deviations() -> None:
    targets, _ = encode(np.array([[[20.2, 30.4]]], np.float32), np.ones((1, 1)), (48, 64), 2.0)
    rows, columns = np.nonzero(targets[0, 0])
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (14, 26, 24, 36)
    assert targets[0, 0, 30, 20] == 1


def test_flip_back_mirrors_swaps_and_shifts() -> None:
    heatmaps = np.zeros((1, 17, 4, 6), np.float32)
    left_wrist = COCO_17.keypoints.index("left_wrist")
    right_wrist = COCO_17.keypoints.index("right_wrist")
    heatmaps[0, left_wrist, 1, 1] = 1  # mirrored: column 4; shifted: column 5
    back = flip_back(heatmaps, COCO_17.flip_order)
    assert back[0, right_wrist, 1, 5] == 1
    assert back.sum() == 1
