"""COCO's object keypoint similarity: the mean of exp(-d^2 / (2 area (2 sigma)^2)) over joints that count."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shufflecam.core.geometry import oks
from shufflecam.core.skeleton import COCO_17
from tests.helpers.people import figure

SIGMAS = (0.1, 0.05)


def two(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, np.float32)


def test_the_same_place_is_one() -> None:
    joints = two((3, 4), (50, 60))
    assert oks(joints, joints[None], 100.0, SIGMAS).tolist() == [1.0]


def test_worked_by_hand() -> None:
    # Area 100. Joint 0, 2 px off: 4 / (2 * 100 * 0.04) = 0.5. Joint 1, 1 px off: 1 / (2 * 100 * 0.01) = 0.5.
    joints = two((0, 0), (10, 10))
    moved = two((2, 0), (10, 11))
    assert oks(joints, moved[None], 100.0, SIGMAS)[0] == pytest.approx(math.exp(-0.5), rel=1e-6)
    only_first = two((2, 0), (10, 10))
    assert oks(joints, only_first[None], 100.0, SIGMAS)[0] == pytest.approx(
        (math.exp(-0.5) + 1) / 2, rel=1e-6
    )


def test_each_of_many_is_compared() -> None:
    joints = two((0, 0), (10, 10))
    others = np.stack([joints, joints + 1000, two((2, 0), (10, 11))])
    np.testing.assert_allclose(
        oks(joints, others, 100.0, SIGMAS), [1, 0, math.exp(-0.5)], rtol=1e-6, atol=1e-12
    )
    assert oks(joints, others[:0], 100.0, SIGMAS).shape == (0,)


def test_a_missing_joint_on_either_side_does_not_count() -> None:
    joints = two((0, 0), (math.nan, math.nan))
    assert oks(joints, two((2, 0), (500, 500))[None], 100.0, SIGMAS)[0] == pytest.approx(
        math.exp(-0.5), rel=1e-6
    )
    other = two((2, 0), (math.nan, 3))
    assert oks(two((0, 0), (10, 10)), other[None], 100.0, SIGMAS)[0] == pytest.approx(
        math.exp(-0.5), rel=1e-6
    )
    assert oks(joints, two((math.nan, 0), (1, 1))[None], 100.0, SIGMAS)[0] == 0.0  # none in common


def test_visibility_chooses_the_joints() -> None:
    joints, moved = two((0, 0), (10, 10)), two((2, 0), (1000, 1000))
    seen = np.array([True, False])
    assert oks(joints, moved[None], 100.0, SIGMAS, seen)[0] == pytest.approx(math.exp(-0.5), rel=1e-6)
    assert oks(joints, moved[None], 100.0, SIGMAS, np.zeros((1, 2), bool))[0] == 0.0


def test_a_larger_person_may_be_further_off() -> None:
    joints = figure(0, 0, 300)
    near, far = (oks(joints, joints[None] + 10, area, COCO_17.sigmas)[0] for area in (1e4, 1e5))
    assert near < far < 1


def test_pycocotools_agrees() -> None:
    evaluation = pytest.importorskip("pycocotools.cocoeval", reason="pycocotools is not installed")
    rng = np.random.default_rng(0)
    truth = figure(200, 400, 300)
    found = truth + rng.normal(0, 8, truth.shape).astype(np.float32)
    area = 20_000.0

    def triples(joints: np.ndarray) -> list[float]:
        return np.concatenate([joints, np.full((17, 1), 2.0)], axis=1).ravel().tolist()

    evaluator = evaluation.COCOeval(iouType="keypoints")
    evaluator.params.catIds, evaluator.params.imgIds = [1], [1]
    evaluator._gts[1, 1] = [
        {"keypoints": triples(truth), "bbox": [0, 0, 1, 1], "area": area, "id": 1, "ignore": 0}
    ]
    evaluator._dts[1, 1] = [{"keypoints": triples(found), "score": 1.0, "id": 1}]
    expected = evaluator.computeOks(1, 1)[0, 0]
    assert oks(truth, found[None], area, COCO_17.sigmas)[0] == pytest.approx(expected, rel=1e-5)
