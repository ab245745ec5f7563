"""A device whose memory is too small, played by a module that says so."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shufflecam.core.errors import ShufflecamError
from shufflecam.engines.torch import TorchEngine


class Hungry(nn.Module):
    """Doubles its input, `most` items at a time; more is too much for the memory."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.sizes = most, []
        self.weight = nn.Parameter(torch.full((1,), 2.0))

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return x * self.weight


def items(count: int) -> np.ndarray:
    return np.arange(count * 3 * 4, dtype=np.float32).reshape(count, 3, 2, 2)


def test_smaller_batches_give_the_same_in_order_and_stay() -> None:
    engine = TorchEngine(Hungry(2), fold=False)
    np.testing.assert_array_equal(engine.run(items(9)), 2 * items(9))
    module = engine.module
    assert module.sizes[:3] == [9, 4, 2]
    module.sizes.clear()
    np.testing.assert_array_equal(engine.run(items(5)), 2 * items(5))
    assert module.sizes == [2, 2, 1]  # what is too much is not tried again


def test_nobody_is_an_empty_answer() -> None:
    assert TorchEngine(Hungry(2), fold=False).run(items(0)).shape == (0, 3, 2, 2)


def test_where_one_is_too_much_for_the_gpu_the_cpu_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    engine = TorchEngine(Hungry(0), fold=False)
    engine.device = "meta"  # a device without memory at all, where there is no GPU

    class Enough(Hungry):
        def to(self, *args: object, **kwargs: object) -> Enough:
            self.most = 8  # on the CPU there is room
            return self

    engine.module = Enough(0)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(engine.run(items(3)), 2 * items(3))
    assert engine.device == "cpu"
    assert [record.getMessage() for record in caplog.records] == [
        "meta is out of memory: the network goes on on the CPU, slower"
    ]


def test_the_cpu_has_nobody_to_hand_over_to() -> None:
    with pytest.raises(ShufflecamError, match="not enough memory for the network"):
        TorchEngine(Hungry(0), fold=False).run(items(1))
