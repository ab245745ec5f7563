"""The torch engine: same arrays in, same arrays out, whatever it does to the module inside."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from torch import nn

from shufflecam.core.errors import UsageError
from shufflecam.core.protocols import Engine
from shufflecam.engines import cpu
from shufflecam.engines.cpu import physical_cores
from shufflecam.engines.torch import TorchEngine, fold_batch_norms, resolve_device
from shufflecam.models.shufflenet import PoseNet
from tests.helpers.synthetic import synthetic_net


@pytest.fixture(scope="module")
def net() -> PoseNet:
    return synthetic_net(17)


def batch(n: int, height: int = 64, width: int = 64) -> np.ndarray:
    return np.random.RandomState(n).normal(size=(n, 3, height, width)).astype(np.float32)


def plain(net: nn.Module, inputs: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return net(torch.from_numpy(inputs)).numpy()


@pytest.mark.parametrize("options", [{}, {"channels_last": False}, {"fold": False}])
def test_the_same_as_the_module(net: PoseNet, options: dict[str, bool]) -> None:
    engine = TorchEngine(net, **options)
    assert isinstance(engine, Engine)
    for inputs in (batch(1), batch(3), batch(2, 96, 64)):  # the number and the size may change
        expected = plain(net, inputs)
        output = engine.run(inputs)
        assert output.dtype == np.float32
        assert output.flags.c_contiguous
        assert output.shape == expected.shape
        assert np.abs(output - expected).max() < 1e-4 * np.abs(expected).max()


def test_nobody(net: PoseNet) -> None:
    assert TorchEngine(net).run(np.zeros((0, 3, 256, 192), np.float32)).shape == (0, 17, 64, 48)


def test_arrays_that_torch_dislikes(net: PoseNet) -> None:
    engine = TorchEngine(net)
    inputs = batch(1)
    expected = engine.run(inputs)
    locked = inputs.copy()
    locked.flags.writeable = False
    np.testing.assert_array_equal(engine.run(locked), expected)
    np.testing.assert_array_equal(engine.run(inputs[..., ::-1][..., ::-1].astype(np.float64)), expected)
    np.testing.assert_array_equal(engine.run(inputs[..., ::-1]), engine.run(inputs[..., ::-1].copy()))


def test_the_callers_module_is_left_alone() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    TorchEngine(module).run(batch(1, 8, 8))
    assert module.training
    assert isinstance(module[1], nn.BatchNorm2d)
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert int(module[1].num_batches_tracked) == 0


def test_all_batch_norms_of_the_pose_net_are_folded(net: PoseNet) -> None:
    module = TorchEngine(net).module
    assert not any(isinstance(child, nn.BatchNorm2d) for child in module.modules())


def test_only_what_follows_a_convolution_is_folded() -> None:
    class Apart(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.other_bn = nn.BatchNorm2d(4)

    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), Apart()).eval()
    fold_batch_norms(module)
    assert sum(isinstance(child, nn.BatchNorm2d) for child in module.modules()) == 2


def test_of_several_outputs_the_first() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, int]]:
            return x * 2, {"more": 1}

    np.testing.assert_array_equal(TorchEngine(Two()).run(batch(1, 4, 4)), batch(1, 4, 4) * 2)


def test_half_precision_stays_inside() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    output = TorchEngine(module, precision="bfloat16").run(batch(1, 8, 8))
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, plain(module, batch(1, 8, 8)), atol=0.1)


def test_devices_that_are_here() -> None:
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("choice", ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "", "cuda:9999"])
def test_devices_that_there_are_not(choice: str) -> None:
    with pytest.raises(UsageError, match="device "):
        resolve_device(choice)


def test_a_gpu_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="finds no CUDA GPU; try --device cpu"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UsageError, match="no Apple GPU"):
        resolve_device("mps")
    assert resolve_device("auto") == "cpu"


@pytest.mark.gpu
def test_on_a_gpu(net: PoseNet) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    expected = plain(net, batch(2))
    output = TorchEngine(net, "cuda").run(batch(2))
    assert np.abs(output - expected).max() < 1e-2 * np.abs(expected).max()  # TF32 may be on


@pytest.mark.gpu
def test_recorded_launches_answer_as_single_ones_do(net: PoseNet) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    engine = TorchEngine(net, "cuda")
    for size in (1, 16, 17, 3, 1):  # 17 is too large to be recorded
        expected = plain(net, batch(size))
        first = engine.run(batch(size))
        kept = first.copy()
        engine.run(np.zeros_like(batch(size)))
        assert np.array_equal(first, kept)  # the next run has not written into it
        assert np.abs(first - expected).max() < 1e-2 * np.abs(expected).max()


@pytest.fixture
def threads_put_back():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads_put_back")
@pytest.mark.parametrize(
    ("omp", "ultralytics", "expected"),
    [
        (None, False, "cores"),
        ("1", True, "cores"),  # ultralytics wrote it
        ("1", False, "as before"),  # the user wrote it
        ("3", True, "as before"),
    ],
)
def test_threads(monkeypatch: pytest.MonkeyPatch, omp: str | None, ultralytics: bool, expected: str) -> None:
    modules = {"ultralytics": object()} if ultralytics else {}
    monkeypatch.setattr(cpu, "sys", type("sys", (), {"modules": modules, "maxsize": 2**63 - 1}))
    if omp is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", omp)
    cores = physical_cores()
    before = cores + 1
    torch.set_num_threads(before)
    TorchEngine(nn.Identity())
    assert torch.get_num_threads() == (cores if expected == "cores" else before)


@pytest.mark.usefixtures("threads_put_back")
def test_a_number_of_threads_on_request() -> None:
    TorchEngine(nn.Identity(), threads=1)
    assert torch.get_num_threads() == 1


def test_physical_cores() -> None:
    assert 1 <= physical_cores() <= (os.cpu_count() or 1)
