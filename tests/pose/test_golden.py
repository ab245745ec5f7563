"""The three networks against the figures of the reference implementation (mmpose 1.3.2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from shufflecam.core.types import Detections
from shufflecam.engines.torch import TorchEngine
from shufflecam.models.shufflenet import PoseNet
from shufflecam.pose.estimator import HeatmapEstimator
from tests.helpers.synthetic import NETS, golden_picture, synthetic_net

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "golden.npz")


@pytest.mark.parametrize("name", NETS)
def test_the_keys_are_the_references(name: str) -> None:
    skeleton, _ = NETS[name]
    state = PoseNet(len(skeleton.keypoints)).state_dict()
    assert sorted(state) == sorted(str(key) for key in GOLDEN[f"{name}/keys"])
    assert len(state) == 314


def test_the_network_has_the_published_number_of_parameters() -> None:
    parameters = sum(p.numel() for p in PoseNet(17).parameters())
    assert parameters == pytest.approx(6.94e6, abs=0.005e6)


@pytest.mark.parametrize("name", NETS)
def test_heatmaps(name: str) -> None:
    skeleton, (width, height) = NETS[name]
    inputs = np.random.RandomState(0).normal(size=(2, 3, height, width)).astype(np.float32)
    with torch.inference_mode():
        heatmaps = synthetic_net(len(skeleton.keypoints))(torch.from_numpy(inputs)).numpy()
    expected = GOLDEN[f"{name}/heatmaps_seed0"]
    assert heatmaps.shape[2:] == (height // 4, width // 4)
    # These random nets give values near 1e6: the error is relative to the largest.
    assert np.abs(heatmaps[:, ::8, ::2, ::2] - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("flip_test", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_keypoints_in_the_image(name: str, flip_test: bool) -> None:
    skeleton, input_size = NETS[name]
    engine = TorchEngine(synthetic_net(len(skeleton.keypoints)))
    estimator = HeatmapEstimator(engine, skeleton, input_size, flip_test=flip_test)
    boxes = GOLDEN["boxes_xyxy"].astype(np.float32)  # the third reaches past the picture
    poses = estimator.estimate(golden_picture(), Detections(boxes, np.full(len(boxes), np.nan, np.float32)))

    expected = GOLDEN[f"{name}/flip{int(flip_test)}/keypoints"]
    expected_scores = GOLDEN[f"{name}/flip{int(flip_test)}/scores"]
    keypoints = np.stack([pose.keypoints for pose in poses])
    scores = np.stack([pose.scores for pose in poses])
    # Where the maximum is not positive the reference invents a place; here it is missing.
    missing = expected_scores <= 0
    assert np.isnan(keypoints[missing]).all()
    assert np.abs(keypoints - expected)[~missing].max() < 0.01
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-3)
