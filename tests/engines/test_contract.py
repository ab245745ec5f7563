"""What every engine must do, whatever computes in it: the same arrays in, the same arrays out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from shufflecam.core.protocols import Engine
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import Detections, FloatArray
from shufflecam.engines.cache import EngineCache
from shufflecam.engines.names import BACKENDS
from shufflecam.engines.onnx import OnnxEngine
from shufflecam.engines.open import installed
from shufflecam.engines.openvino import OpenVINOEngine
from shufflecam.engines.torch import TorchEngine
from shufflecam.pose.estimator import HeatmapEstimator
from tests.helpers.synthetic import golden_picture, synthetic_net

SIZE = (64, 96)
"""(width, height): the pose network at an eighth of its usual area, for speed."""


def make(
    name: str, factory: Callable[[], nn.Module], size: tuple[int, int] | None, cache: EngineCache
) -> Engine:
    if name == "openvino":
        return OpenVINOEngine(factory, cache_key="contract", input_size=size, cache=cache)
    if name == "onnx":
        return OnnxEngine(factory, cache_key="contract", input_size=size, cache=cache)
    assert name == "torch", f"say here how the contract's tests make an engine {name!r}"
    return TorchEngine(factory())


def skip_unless_installed(name: str) -> None:
    if not installed(name):
        pytest.skip(f"{name} is not installed")
    if name == "onnx":
        pytest.importorskip("onnx", reason="torch needs the package onnx to convert")


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return synthetic_net(17)


@pytest.fixture(scope="module", params=BACKENDS)
def engine(
    request: pytest.FixtureRequest, net: nn.Module, tmp_path_factory: pytest.TempPathFactory
) -> Engine:
    skip_unless_installed(request.param)
    return make(request.param, lambda: net, SIZE, EngineCache(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def reference(net: nn.Module) -> Callable[[FloatArray], FloatArray]:
    """The module itself, as torch runs it."""

    def run(inputs: FloatArray) -> FloatArray:
        with torch.inference_mode():
            result: FloatArray = net(torch.from_numpy(np.ascontiguousarray(inputs))).numpy()
        return result

    return run


def crops(n: int, seed: int = 0) -> FloatArray:
    width, height = SIZE
    return np.random.default_rng(seed).normal(0, 1, (n, 3, height, width)).astype(np.float32)


def assert_same(output: FloatArray, expected: FloatArray) -> None:
    assert output.dtype == np.float32
    assert output.shape == expected.shape
    assert np.abs(output - expected).max() <= 1e-4 * np.abs(expected).max()


def test_is_an_engine(engine: Engine) -> None:
    assert isinstance(engine, Engine)
    assert engine.name in BACKENDS


def test_same_arrays_out_at_any_batch_size(
    engine: Engine, reference: Callable[[FloatArray], FloatArray]
) -> None:
    for n in (1, 3, 8, 1):
        assert_same(engine.run(crops(n, seed=n)), reference(crops(n, seed=n)))


def test_a_batch_is_its_crops(engine: Engine) -> None:
    inputs = crops(3)
    together = engine.run(inputs)
    assert_same(np.concatenate([engine.run(inputs[i : i + 1]) for i in range(3)]), together)


def test_arrays_that_lie_scattered_in_memory(
    engine: Engine, reference: Callable[[FloatArray], FloatArray]
) -> None:
    mirrored = crops(2)[..., ::-1]
    assert not mirrored.flags.c_contiguous
    assert_same(engine.run(mirrored), reference(mirrored))
    channels_last = np.ascontiguousarray(crops(2).transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert_same(engine.run(channels_last), reference(channels_last))


def test_read_only_input_is_left_alone(engine: Engine) -> None:
    inputs = crops(2)
    inputs.flags.writeable = False
    before = inputs.copy()
    engine.run(inputs)
    assert np.array_equal(inputs, before)


def test_an_output_outlives_the_next_run(engine: Engine) -> None:
    first = engine.run(crops(2, seed=1))
    kept = first.copy()
    engine.run(crops(2, seed=2))
    assert np.array_equal(first, kept)


def test_called_from_other_threads(engine: Engine, reference: Callable[[FloatArray], FloatArray]) -> None:
    outputs: dict[int, FloatArray] = {}

    def work(n: int) -> None:
        for _ in range(3):
            outputs[n] = engine.run(crops(n, seed=n))

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in (1, 2):
        assert_same(outputs[n], reference(crops(n, seed=n)))


def test_keypoints_are_torchs_to_a_hundredth_of_a_pixel(engine: Engine, net: nn.Module) -> None:
    boxes = np.array([[100, 60, 300, 420], [320.5, 11.25, 470, 300], [-40, 200, 200, 500]], np.float32)
    detections = Detections(boxes, np.ones(3, np.float32))
    poses = HeatmapEstimator(engine, COCO_17, SIZE).estimate(golden_picture(), detections)
    plain = TorchEngine(net, channels_last=False, fold=False)
    expected = HeatmapEstimator(plain, COCO_17, SIZE).estimate(golden_picture(), detections)
    for pose, other in zip(poses, expected, strict=True):
        np.testing.assert_allclose(pose.keypoints, other.keypoints, atol=0.01)
        np.testing.assert_allclose(pose.scores, other.scores, rtol=1e-4)


class TwoOutputs(nn.Module):
    """As a detector: any size, and things beside the boxes that nobody asked for."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        maps = self.bn(self.conv(x))
        return maps.flatten(2), [maps]


@pytest.mark.parametrize("name", BACKENDS)
def test_the_first_of_several_outputs_at_any_picture_size(name: str, tmp_path: Path) -> None:
    skip_unless_installed(name)
    module = TwoOutputs().eval()
    engine = make(name, lambda: module, None, EngineCache(tmp_path))
    for n, height, width in ((1, 64, 96), (2, 32, 128), (1, 96, 64)):
        inputs = np.random.default_rng(n).normal(0, 1, (n, 3, height, width)).astype(np.float32)
        with torch.inference_mode():
            expected = module(torch.from_numpy(inputs))[0].numpy()
        assert_same(engine.run(inputs), expected)


@pytest.mark.parametrize("name", BACKENDS)
def test_the_callers_module_stays_as_it_was(name: str, tmp_path: Path) -> None:
    skip_unless_installed(name)
    module = TwoOutputs().train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    engine = make(name, lambda: module, None, EngineCache(tmp_path))
    engine.run(np.ones((1, 3, 64, 64), np.float32))
    assert module.training
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(parameter.requires_grad for parameter in module.parameters())
