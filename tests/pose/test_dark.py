"""Sub-pixel decoding: Gaussians whose centres are known, and maps that are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import Detections, FloatArray
from shufflecam.pose.dark import decode_dark
from shufflecam.pose.decode import decode
from shufflecam.pose.estimator import HeatmapEstimator

SIZE = (48, 64)


def gaussian(x: float, y: float, sigma: float = 2.0, height: float = 1.0) -> np.ndarray:
    """(1, 1, 64, 48) centred on any place, whole."""
    columns, rows = np.arange(SIZE[0]), np.arange(SIZE[1])[:, None]
    bump = height * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return bump[None, None].astype(np.float32)


def test_a_gaussian_between_pixels_is_found_where_it_is() -> None:
    heatmap = gaussian(20.3, 31.6, height=0.8)
    keypoints, scores = decode_dark(heatmap, 2.0)
    np.testing.assert_allclose(keypoints[0, 0], [20.3, 31.6], atol=0.01)
    assert scores[0, 0] == heatmap.max()
    plain = decode(heatmap)[0][0, 0]
    np.testing.assert_array_equal(plain, [20.25, 31.75])


@given(x=st.floats(9, 38), y=st.floats(9, 54), sigma=st.sampled_from([2.0, 3.0]))
@settings(max_examples=60, deadline=None)
def test_any_place_to_a_twentieth_of_a_pixel(x: float, y: float, sigma: float) -> None:
    np.testing.assert_allclose(decode_dark(gaussian(x, y, sigma), sigma)[0][0, 0], [x, y], atol=0.05)


def test_noise_that_moves_the_maximum_is_smoothed_away() -> None:
    rng = np.random.default_rng(0)
    errors = {"plain": [], "dark": []}
    for _ in range(50):
        x, y = rng.uniform(10, 35, 2)
        noisy = gaussian(x, y) + rng.normal(0, 0.05, (1, 1, 64, 48)).astype(np.float32)
        for name, found in (("plain", decode(noisy)[0]), ("dark", decode_dark(noisy, 2.0)[0])):
            errors[name].append(float(np.linalg.norm(found[0, 0] - [x, y])))
    assert np.mean(errors["dark"]) < 0.6 * np.mean(errors["plain"])


@pytest.mark.parametrize(("x", "y"), [(1, 30), (0, 0), (47, 63), (20, 62)])
def test_peaks_at_the_border_stay_plain(x: int, y: int) -> None:
    heatmap = gaussian(x, y)
    np.testing.assert_array_equal(decode_dark(heatmap, 2.0)[0], decode(heatmap)[0])


def test_what_is_no_hill_stays_plain_and_missing_stays_missing() -> None:
    flat = np.full((1, 1, 64, 48), 0.5, np.float32)
    np.testing.assert_array_equal(decode_dark(flat, 2.0)[0], decode(flat)[0])
    nothing = np.full((1, 1, 64, 48), -1.0, np.float32)
    assert np.isnan(decode_dark(nothing, 2.0)[0]).all()
    assert decode_dark(np.zeros((0, 17, 64, 48), np.float32), 2.0)[0].shape == (0, 17, 2)


def test_the_estimator_decodes_as_it_is_told() -> None:
    class Drawn:
        name = "drawn"

        def run(self, inputs: FloatArray) -> FloatArray:
            return np.repeat(gaussian(20.4, 31.6), 17, axis=1)

    box = Detections(np.array([[0, 0, 192, 256]], np.float32), np.ones(1, np.float32))
    image = np.zeros((256, 192, 3), np.uint8)
    plain = HeatmapEstimator(Drawn(), COCO_17, (192, 256)).estimate(image, box)[0].keypoints
    dark = HeatmapEstimator(Drawn(), COCO_17, (192, 256), decoding="dark").estimate(image, box)[0].keypoints
    # A heatmap pixel is four crop pixels, and the crop is 1.25 times the box around its middle.
    expected = (np.array([20.4, 31.6]) * 4 - [96, 128]) * 1.25 + [96, 128]
    np.testing.assert_allclose(dark[0], expected, atol=0.1)
    assert abs(plain[0] - dark[0]).max() > 0.5
