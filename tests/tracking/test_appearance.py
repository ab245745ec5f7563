from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shufflecam.core.skeleton import COCO_17, MPII_16
from shufflecam.core.types import Pose
from shufflecam.tracking.appearance import BINS, appearance, learn, resemblance
from tests.helpers.people import figure, pose_of

Colour = tuple[int, int, int]
RED, BLUE, WHITE, BLACK = (40, 40, 200), (200, 60, 30), (230, 230, 230), (25, 25, 25)


def dressed(shirt: Colour, trousers: Colour, *, x: int = 200, light: float = 1.0) -> tuple[np.ndarray, Pose]:
    """A picture of somebody at `x` in a shirt and trousers, BGR, with noise; and their pose."""
    image = np.random.default_rng(x).integers(90, 130, (480, 640, 3)).astype(np.float32)
    joints = figure(x, 440, 400)
    top, hips, knees = int(joints[5, 1]), int(joints[11, 1]), int(joints[13, 1])
    image[top - 10 : hips, x - 60 : x + 60] = shirt
    image[hips:knees, x - 60 : x + 60] = trousers
    noise = np.random.default_rng(1).normal(0, 6, image.shape)
    return np.clip((image + noise) * light, 0, 255).astype(np.uint8), pose_of(joints)


def looks(*args: Colour, **kwargs: float) -> np.ndarray:
    return appearance(*dressed(*args, **kwargs), COCO_17)  # type: ignore[arg-type]


def test_the_same_clothes_look_the_same_in_another_place_and_in_less_light() -> None:
    known = looks(RED, BLACK)
    assert float(resemblance(known, looks(RED, BLACK, x=450))) > 0.97
    assert float(resemblance(known, looks(RED, BLACK, light=0.85))) > 0.85


@pytest.mark.parametrize(("shirt", "trousers"), [(BLUE, BLACK), (WHITE, BLACK), (BLUE, WHITE)])
def test_other_clothes_look_other(shirt: Colour, trousers: Colour) -> None:
    assert float(resemblance(looks(RED, BLACK), looks(shirt, trousers))) < 0.85


def test_what_is_not_seen_is_not_compared() -> None:
    image, pose = dressed(RED, BLACK)
    hidden = replace(pose, scores=np.where(np.arange(17) >= 13, 0.1, pose.scores).astype(np.float32))
    half = appearance(image, hidden, COCO_17)
    assert np.isnan(half[1]).all()
    assert np.isfinite(half[0]).all()
    assert float(resemblance(half, looks(RED, WHITE))) > 0.95  # the shirt alone
    nothing = np.full((2, 3, BINS), np.nan, np.float32)
    assert np.isnan(resemblance(nothing, half))


def test_outside_the_picture_nothing_is_seen() -> None:
    image, pose = dressed(RED, BLACK)
    away = replace(pose, keypoints=pose.keypoints + 5000)
    assert np.isnan(appearance(image, away, COCO_17)).all()
    bad = replace(pose, keypoints=np.full((17, 2), np.nan, np.float32))
    assert np.isnan(appearance(image, bad, COCO_17)).all()


def test_of_a_grid_of_people_each_pair_is_compared() -> None:
    rows = np.stack([looks(RED, BLACK), looks(BLUE, WHITE)])[:, None]
    columns = np.stack([looks(BLUE, WHITE, x=400), looks(RED, BLACK, x=400), looks(WHITE, WHITE)])[None]
    grid = resemblance(rows, columns)
    assert grid.shape == (2, 3)
    assert grid.argmax(axis=1).tolist() == [1, 0]


def test_learning_moves_towards_what_is_seen_and_fills_what_was_not() -> None:
    nothing = np.full((2, 3, BINS), np.nan, np.float32)
    red, blue = looks(RED, BLACK), looks(BLUE, BLACK)
    np.testing.assert_array_equal(learn(nothing, red, 0.1), red)
    np.testing.assert_array_equal(learn(red, nothing, 0.1), red)
    after = learn(red, blue, 0.5)
    assert resemblance(after, blue) > resemblance(red, blue)
    np.testing.assert_allclose(after.sum(axis=-1), 1.0, atol=1e-5)


def test_histograms_sum_to_one_for_every_skeleton() -> None:
    image, pose = dressed(RED, BLACK)
    np.testing.assert_allclose(appearance(image, pose, COCO_17).sum(axis=-1), 1.0, atol=1e-5)
    joints = np.tile(np.array([200.0, 200.0], np.float32), (16, 1))
    mpii = replace(pose, keypoints=joints, scores=np.ones(16, np.float32))
    np.testing.assert_allclose(appearance(image, mpii, MPII_16).sum(axis=-1), 1.0, atol=1e-5)
