from __future__ import annotations

import cv2
import numpy as np
import pytest

from shufflecam.core.geometry import crop_to_image
from shufflecam.core.types import Detections
from shufflecam.pose.crops import PIXEL_MEAN_RGB, PIXEL_STD_RGB, crop_people
from shufflecam.pose.estimator import instance_score

SIZE = (192, 256)


def boxes(*rows: tuple[float, float, float, float]) -> Detections:
    return Detections(np.array(rows, np.float32).reshape(-1, 4), np.ones(len(rows), np.float32))


def test_channels_are_rgb_and_normalised() -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    image[:] = (10, 120, 240)  # blue, green, red
    crop = crop_people(image, boxes((100, 100, 160, 180)), SIZE).inputs[0]
    expected = (np.array([240, 120, 10], np.float32) - PIXEL_MEAN_RGB) / PIXEL_STD_RGB
    np.testing.assert_allclose(crop[:, 128, 96], expected, rtol=1e-5)


def test_the_centre_of_the_box_lands_in_the_middle_of_the_crop() -> None:
    image = np.zeros((600, 600, 3), np.uint8)
    image[300, 200] = 255
    # 153.6 x 204.8 px, padded by 1.25, are just 192 x 256: one crop pixel is one image pixel.
    crop = crop_people(image, boxes((200 - 76.8, 300 - 102.4, 200 + 76.8, 300 + 102.4)), SIZE).inputs[0]
    assert np.unravel_index(crop[0].argmax(), crop[0].shape) == (128, 96)


def test_outside_the_picture_is_black() -> None:
    image = np.full((50, 50, 3), 255, np.uint8)
    crop = crop_people(image, boxes((-200, -200, -100, -60)), SIZE).inputs[0]
    black = -PIXEL_MEAN_RGB / PIXEL_STD_RGB
    np.testing.assert_allclose(crop, np.broadcast_to(black[:, None, None], crop.shape), rtol=1e-5)


def test_nobody_is_an_empty_batch() -> None:
    batch = crop_people(np.zeros((10, 10, 3), np.uint8), Detections.empty(), SIZE)
    assert len(batch) == 0
    assert batch.inputs.shape == (0, 3, 256, 192)


@pytest.mark.parametrize(
    ("box_score", "scores", "expected"),
    [
        (0.5, [0.4, 0.8, 0.1], 0.3),
        (float("nan"), [0.4, 0.8, 0.1], 0.6),
        (0.9, [0.2, 0.1], 0.0),
        (1.0, [], 0.0),
    ],
)
def test_the_score_of_a_person(box_score: float, scores: list[float], expected: float) -> None:
    assert instance_score(box_score, np.array(scores, np.float32)) == pytest.approx(expected)


@pytest.mark.parametrize("aspect", [2.0, 0.5, 64 / 45])
def test_an_anamorphic_picture_s_crop_is_that_of_the_picture_as_shown(aspect: float) -> None:
    # A disc on the shown picture of 480x480; stored with pixels `aspect` times as wide as high.
    shown = np.full((480, 480, 3), 60, np.uint8)
    cv2.circle(shown, (240, 240), 90, (220, 200, 180), -1, cv2.LINE_AA)
    stored = cv2.resize(shown, (round(480 / aspect), 480), interpolation=cv2.INTER_AREA)
    box = np.array((150, 100, 330, 380), np.float32)
    narrow = box / np.array([aspect, 1, aspect, 1], np.float32)
    expected = crop_people(shown, boxes(tuple(box)), SIZE)
    batch = crop_people(stored, boxes(tuple(narrow)), SIZE, pixel_aspect=aspect)
    assert np.abs(batch.inputs - expected.inputs).mean() < 0.05
    # And a place in the crop is told in stored pixels.
    middle = np.array([[[96, 128]]], np.float32)
    place = crop_to_image(middle, batch.centers, batch.scales, SIZE)[0, 0]
    np.testing.assert_allclose(place, (240 / aspect, 240), atol=1e-3)
