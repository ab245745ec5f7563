from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflecam.core.angles import ANGLES, INNER, joint_angles
from shufflecam.core.skeleton import COCO_17, MPII_16


def person(**places: tuple[float, float]) -> np.ndarray:
    keypoints = np.full((17, 2), np.nan, np.float32)
    for name, place in places.items():
        keypoints[COCO_17.keypoints.index(name)] = place
    return keypoints


def angle(name: str, **places: tuple[float, float]) -> float:
    return joint_angles(person(**places), COCO_17.keypoints)[name]


@pytest.mark.parametrize(
    ("ankle", "degrees"), [((100, 300), 180), ((200, 200), 90), ((100, 100.001), 0), ((200, 300), 135)]
)
def test_a_knee_by_hand(ankle: tuple[float, float], degrees: float) -> None:
    found = angle("left_knee", left_hip=(100, 100), left_knee=(100, 200), left_ankle=ankle)
    assert found == pytest.approx(degrees, abs=0.01)


def test_leans_are_signed_towards_the_right_of_the_picture() -> None:
    hips = {"left_hip": (110.0, 200.0), "right_hip": (90.0, 200.0)}
    assert angle("trunk_lean", **hips, left_shoulder=(110, 100), right_shoulder=(90, 100)) == pytest.approx(0)
    assert angle("trunk_lean", **hips, left_shoulder=(210, 100), right_shoulder=(190, 100)) == pytest.approx(
        45
    )
    assert angle("trunk_lean", **hips, left_shoulder=(10, 100), right_shoulder=(-10, 100)) == pytest.approx(
        -45
    )


def test_what_is_missing_or_without_length_has_no_angle() -> None:
    assert math.isnan(angle("left_knee", left_hip=(1, 1), left_knee=(2, 2)))
    assert math.isnan(angle("left_knee", left_hip=(1, 1), left_knee=(1, 1), left_ankle=(2, 2)))
    assert all(math.isnan(value) for value in joint_angles(person(), COCO_17.keypoints).values())


@pytest.mark.parametrize("names", [COCO_17.keypoints, MPII_16.keypoints])
def test_both_skeletons_have_every_angle(names: tuple[str, ...]) -> None:
    everywhere = np.random.default_rng(0).uniform(0, 100, (len(names), 2)).astype(np.float32)
    assert all(math.isfinite(value) for value in joint_angles(everywhere, names).values())
    assert tuple(joint_angles(everywhere, names)) == ANGLES


@given(st.floats(0, 360), st.floats(0.1, 10), st.integers(0, 2**31))
def test_turning_scaling_and_mirroring_change_no_inner_angle(turn: float, scale: float, seed: int) -> None:
    places = np.random.default_rng(seed).uniform(0, 100, (17, 2)).astype(np.float64)
    c, s = scale * math.cos(math.radians(turn)), scale * math.sin(math.radians(turn))
    turned = places @ np.array([[c, s], [-s, c]]) + 7
    mirrored = places * (-1, 1)
    plain = joint_angles(places, COCO_17.keypoints)
    for other in (turned, mirrored):
        again = joint_angles(other, COCO_17.keypoints)
        for name in INNER:
            assert again[name] == pytest.approx(plain[name], abs=1e-3)


@pytest.mark.parametrize("aspect", [2.0, 0.5, 4 / 3, 10 / 11, 64 / 45])
def test_angles_are_those_of_the_picture_as_shown(aspect: float) -> None:
    places = np.random.default_rng(3).uniform(0, 500, (17, 2)).astype(np.float32)
    stored = (places / np.array([aspect, 1])).astype(np.float32)
    shown = joint_angles(places, COCO_17.keypoints)
    told = joint_angles(stored, COCO_17.keypoints, aspect)
    for name, degrees in shown.items():
        assert told[name] == pytest.approx(degrees, abs=0.01)
    assert joint_angles(stored, COCO_17.keypoints)["left_knee"] != pytest.approx(shown["left_knee"], abs=1)
