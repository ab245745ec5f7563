"""Every figure here was worked out by hand from the conventions in the docstrings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shufflecam.core.geometry import (
    BOX_PADDING,
    box_area,
    box_iou,
    box_to_center_scale,
    clip_boxes,
    crop_affine,
    crop_to_image,
)

PORTRAIT = (192, 256)
ASPECT = 192 / 256


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def mapped(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(N, 2) points mapped by a (2, 3) affine matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def test_a_tall_box_is_widened() -> None:
    # 100 x 200 at (50, 100): centre (100, 200); padded 125 x 250; 125 < 250 x 3/4, so the width is 187.5.
    centers, scales = box_to_center_scale(boxes((50, 100, 150, 300)), ASPECT)
    np.testing.assert_allclose(centers, [(100, 200)])
    np.testing.assert_allclose(scales, [(187.5, 250)])


def test_a_wide_box_is_heightened() -> None:
    # 300 x 100: padded 375 x 125; 375 > 125 x 3/4, so the height is 375 / 0.75 = 500.
    centers, scales = box_to_center_scale(boxes((0, 0, 300, 100)), ASPECT)
    np.testing.assert_allclose(centers, [(150, 50)])
    np.testing.assert_allclose(scales, [(375, 500)])


def test_a_box_of_the_inputs_shape_is_only_padded() -> None:
    _, scales = box_to_center_scale(boxes((0, 0, 75, 100)), ASPECT)
    np.testing.assert_allclose(scales, [(93.75, 125)])
    _, bare = box_to_center_scale(boxes((0, 0, 75, 100)), ASPECT, padding=1.0)
    np.testing.assert_allclose(bare, [(75, 100)])


def test_no_boxes_are_no_boxes() -> None:
    centers, scales = box_to_center_scale(np.zeros((0, 4), np.float32), ASPECT)
    assert centers.shape == scales.shape == (0, 2)


def test_the_crop_matrix_puts_the_centre_in_the_middle_without_half_a_pixel() -> None:
    # 384 x 512 around (500, 400): half the size, so x' = x/2 - 250 + 96, y' = y/2 - 200 + 128.
    matrix = crop_affine(np.array([500, 400], np.float32), np.array([384, 512], np.float32), PORTRAIT)
    np.testing.assert_allclose(matrix, [(0.5, 0, -154), (0, 0.5, -72)])
    points = np.array([(500, 400), (308, 144), (692, 656)], np.float32)
    np.testing.assert_allclose(mapped(points, matrix), [(96, 128), (0, 0), (192, 256)])


def test_crop_pixels_go_back_to_the_image() -> None:
    # (48, 64) is a quarter of the input: a quarter of 384 x 512 from the region's corner at (308, 144).
    points = np.array([[(48, 64), (96, 128)]], np.float32)
    centers, scales = np.array([(500, 400)], np.float32), np.array([(384, 512)], np.float32)
    np.testing.assert_allclose(crop_to_image(points, centers, scales, PORTRAIT), [[(404, 272), (500, 400)]])


@settings(deadline=None)
@given(
    st.floats(-1000, 4000),
    st.floats(-1000, 4000),
    st.floats(4, 2000),
    st.floats(4, 2000),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_there_and_back_again(x: float, y: float, width: float, height: float, u: float, v: float) -> None:
    box = boxes((x, y, x + width, y + height))
    centers, scales = box_to_center_scale(box, ASPECT)
    assert scales[0, 0] / scales[0, 1] == pytest.approx(ASPECT, rel=1e-4)
    assert (scales[0] >= (box[0, 2:] - box[0, :2]) * (BOX_PADDING - 1e-4)).all()
    point = np.array([(x + u * width, y + v * height)], np.float32)
    in_crop = mapped(point, crop_affine(centers[0], scales[0], PORTRAIT))
    assert (in_crop >= -0.5).all()
    assert (in_crop <= np.array(PORTRAIT) + 0.5).all()
    back = crop_to_image(in_crop[None], centers, scales, PORTRAIT)[0]
    np.testing.assert_allclose(back, point, atol=2e-2)


def test_areas() -> None:
    found = box_area(boxes((0, 0, 2, 3), (1, 1, 1, 5), (4, 4, 2, 2)))
    np.testing.assert_array_equal(found, [6, 0, 0])


def test_overlaps() -> None:
    # A 2 x 2 square moved by 1 to the right: 2 in common, 6 in all; moved by 1 in both: 1 of 7.
    found = box_iou(
        boxes((0, 0, 2, 2)), boxes((0, 0, 2, 2), (1, 0, 3, 2), (1, 1, 3, 3), (2, 0, 4, 2), (9, 9, 9, 9))
    )
    np.testing.assert_allclose(found, [(1, 1 / 3, 1 / 7, 0, 0)], rtol=1e-6)
    assert box_iou(boxes((5, 5, 5, 5)), boxes((5, 5, 5, 5)))[0, 0] == 0  # both empty: not a division by zero
    assert box_iou(boxes(), boxes((0, 0, 1, 1))).shape == (0, 1)


def test_boxes_are_cut_to_the_picture() -> None:
    found = clip_boxes(boxes((-5, -5, 700, 500), (10, 20, 30, 40), (650, 0, 700, 10)), (640, 480))
    np.testing.assert_array_equal(found, boxes((0, 0, 640, 480), (10, 20, 30, 40), (640, 0, 640, 10)))
