from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflecam.core.picture import as_shown, fitted
from shufflecam.core.pixels import (
    as_fraction,
    believable_aspect,
    poses_to_square,
    poses_to_stored,
    shown_size,
    square_size,
    to_square,
    to_stored,
)
from tests.helpers.people import figure, pose_of


@pytest.mark.parametrize(
    ("told", "means"),
    [
        (None, 1.0),
        (1, 1.0),
        (Fraction(1217, 1216), 1.0),
        (Fraction(64, 45), 64 / 45),
        (Fraction(1, 2), 0.5),
        (Fraction(10, 11), 10 / 11),
        (0, None),
        (-1, None),
        (1000, None),
        (Fraction(1, 1000), None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_what_is_told_of_pixels(told: object, means: float | None) -> None:
    assert believable_aspect(told) == means


@given(st.fractions(Fraction(1, 8), 8, max_denominator=1000))
def test_a_float_is_the_fraction_that_it_was(told: Fraction) -> None:
    aspect = believable_aspect(told)
    assert aspect is not None
    assert as_fraction(aspect) == (None if aspect == 1.0 else told)


def test_square_pixels_cost_nothing() -> None:
    points, pose = figure(50, 90, 80), pose_of(figure(50, 90, 80))
    assert to_square(points, 1.0) is points
    assert poses_to_square([pose], 1.0)[0] is pose


def test_points_and_boxes_are_stretched_and_come_back() -> None:
    np.testing.assert_allclose(to_square(np.array([[10, 20]], np.float32), 2.0), [[20, 20]])
    np.testing.assert_allclose(to_square(np.array([[1, 2, 3, 4]], np.float32), 0.5), [[0.5, 2, 1.5, 4]])
    pose = pose_of(figure(50, 90, 80))
    (back,) = poses_to_stored(poses_to_square([pose], 64 / 45), 64 / 45)
    np.testing.assert_allclose(back.keypoints, pose.keypoints, rtol=1e-6)
    np.testing.assert_allclose(back.box_xyxy, pose.box_xyxy, rtol=1e-6)
    assert back.keypoints.dtype == np.float32
    points = figure(50, 90, 80)
    np.testing.assert_allclose(to_stored(to_square(points, 0.3), 0.3), points, rtol=1e-6)


def test_a_shown_picture_loses_no_side() -> None:
    assert square_size((252, 640), 64 / 45) == pytest.approx((358.4, 640))
    assert shown_size((252, 640), 64 / 45) == (358, 640)
    assert shown_size((360, 320), 0.5) == (360, 640)


def test_a_picture_of_other_pixels_is_fitted_as_it_looks() -> None:
    # A square of 40x40 stored pixels, twice as wide as high, into square pixels: 40 wide, 20 high.
    wide = fitted(np.full((40, 40, 3), 200, np.uint8), (40, 40), squeeze=2.0)
    lit = (wide[..., 0] > 100).nonzero()
    assert (np.ptp(lit[1]) + 1, np.ptp(lit[0]) + 1) == (40, 20)
    same = np.zeros((40, 40, 3), np.uint8)
    assert fitted(same, (40, 40), squeeze=1.0) is same


def test_people_look_at_square_pixels() -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    assert as_shown(picture, 1.0) is picture
    assert as_shown(picture, 2.0).shape == (48, 128, 3)
    assert as_shown(picture, 0.5).shape == (96, 64, 3)
