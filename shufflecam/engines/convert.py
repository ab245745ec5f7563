"""Converts torch modules to the formats of other runtimes. Imports torch: used on cache misses only."""

from __future__ import annotations

import copy
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shufflecam.engines.torch import fold_batch_norms

OPSET = 17
"""ONNX opset: long the newest of torch's TorchScript exporter, and supported by every current runtime."""

INPUT = "input"
OUTPUT = "output"

FREE_SIZE = (64, 96)
"""(width, height) of the example input for dynamic sizes: small, two different multiples of 32."""


class FirstOutput(nn.Module):
    """A module's output, or the first of several: what `core.protocols.Engine` returns."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        output = self.module(x)
        first: Tensor = output[0] if isinstance(output, (tuple, list)) else output
        return first


def prepare(module: nn.Module) -> nn.Module:
    """Return a copy for CPU inference: batch norms folded, one output. The caller's module is unchanged."""
    net = copy.deepcopy(module).cpu().float().eval().requires_grad_(False)
    fold_batch_norms(net)
    return FirstOutput(net)


def example(input_size: tuple[int, int] | None) -> Tensor:
    """Return zeros to trace with: a batch of two, because a batch of one could be traced as a constant."""
    width, height = input_size or FREE_SIZE
    return torch.zeros(2, 3, height, width)


def to_torchscript(module: nn.Module, input_size: tuple[int, int] | None) -> torch.jit.ScriptModule:
    """Trace a module (N, 3, H, W); N is dynamic, H and W too if `input_size` is None."""
    with warnings.catch_warnings(), torch.no_grad():
        # torch warns in favour of its newer exporters, and about every size that Python reads.
        warnings.simplefilter("ignore")
        # Its own check runs the network twice more and compares every constant: three times the time.
        # The result is verified by the engines' contract tests and by `shufflecam export`.
        traced: torch.jit.ScriptModule = torch.jit.trace(
            prepare(module), example(input_size), check_trace=False
        )
    return traced


def to_openvino(module: nn.Module, input_size: tuple[int, int] | None) -> Any:
    """Convert a module (N, 3, H, W) to `openvino.Model`, float32; N dynamic, H, W too if no `input_size`."""
    from shufflecam.engines.runtimes import import_openvino

    openvino = import_openvino()
    model = openvino.convert_model(to_torchscript(module, input_size))
    width, height = input_size or (-1, -1)
    model.reshape({model.inputs[0]: openvino.PartialShape([-1, 3, height, width])})
    model.inputs[0].get_tensor().set_names({INPUT})
    model.outputs[0].get_tensor().set_names({OUTPUT})
    return model


def to_onnx(module: nn.Module, input_size: tuple[int, int] | None) -> bytes:
    """Convert a module (N, 3, H, W) to an ONNX model; N is dynamic, H and W too if `input_size` is None.

    Raises:
        ImportError: the package `onnx`, which torch needs for the export, is not installed.
    """
    free = {0: "n"} if input_size else {0: "n", 2: "h", 3: "w"}
    import onnx  # noqa: F401 - where it is missing, torch says so on a page of its own

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        file = Path(folder) / "network.onnx"
        torch.onnx.export(
            prepare(module),
            (example(input_size),),
            file,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: free, OUTPUT: {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )
        return file.read_bytes()
