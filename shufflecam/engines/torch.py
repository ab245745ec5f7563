"""The torch engine: runs a module on the CPU, a CUDA device or Apple's MPS. Arrays in, arrays out."""

from __future__ import annotations

import copy
import logging
import re
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from shufflecam.core.errors import ShufflecamError, UsageError
from shufflecam.core.types import FloatArray
from shufflecam.engines.cpu import thread_count, threads_by_user
from shufflecam.engines.cuda_graphs import LARGEST_BATCH, CudaGraphs

log = logging.getLogger(__name__)

Precision = Literal["float32", "float16", "bfloat16"]


class TorchEngine:
    """Runs a module over batches; a `core.protocols.Engine`.

    The module is copied, so the caller's is unchanged (e.g. a network in training). In the copy batch norms
    are folded into the preceding convolutions: the same function up to rounding.

    On the CPU this sets torch's number of threads, which is global to the process.
    """

    name = "torch"

    def __init__(
        self,
        module: nn.Module,
        device: str = "cpu",
        *,
        channels_last: bool = True,
        fold: bool = True,
        precision: Precision = "float32",
        threads: int | None = None,
    ) -> None:
        """Prepare a module for inference.

        Args:
            module: (N, 3, H, W) -> a tensor, or a tuple of which the first item is used.
            device: "auto", "cpu", "cuda", "cuda:N" or "mps".
            channels_last: store activations as NHWC; faster for convolutions on the CPU.
            fold: fold batch norms into convolutions.
            precision: of the computation; inputs and outputs stay float32.
            threads: CPU threads; None: the user's `OMP_NUM_THREADS`, else the physical cores.

        Raises:
            UsageError: a missing device.
        """
        self.device = resolve_device(device)
        self._dtype: torch.dtype = getattr(torch, precision)
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        net = copy.deepcopy(module).eval().requires_grad_(False)
        if fold:
            fold_batch_norms(net)
        # torch's stubs declare the memory format in other overloads only.
        self.module = net.to(self.device, self._dtype).to(memory_format=self._memory_format)  # type: ignore[call-overload]
        self._threads = threads
        self._most = 0
        """The largest batch that fits into memory; 0: no limit known."""
        self._graphs: CudaGraphs | None = None
        if self.device.startswith("cuda"):
            self._graphs = CudaGraphs(self._call, torch.device(self.device))
        if self.device == "cpu":
            _use_cores(threads)

    def run(self, inputs: FloatArray) -> FloatArray:
        """Run the network: (N, 3, H, W) float32 -> its (first) output as float32. N and the size may vary.

        After a GPU runs out of memory it gets smaller batches; if even one item is too large, the engine
        falls back to the CPU and logs a warning.

        Raises:
            ShufflecamError: not enough memory for one item on the CPU.
        """
        step = self._most or len(inputs)
        parts: list[FloatArray] = []
        start = 0
        while start < len(inputs) or not parts:
            try:
                parts.append(self._run(inputs[start : start + step]))
                start += max(step, 1)
            except torch.OutOfMemoryError as error:
                step = self._make_do_with_less(min(step, len(inputs) - start), error)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _make_do_with_less(self, size: int, error: Exception) -> int:
        """Return the batch size to continue with after one of `size` did not fit into memory."""
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        if size > 1:
            self._most = size // 2
            return self._most
        if self.device == "cpu":
            raise ShufflecamError(
                "there is not enough memory for the network; close other programs and try again"
            ) from error
        log.warning("%s is out of memory: the network goes on on the CPU, slower", self.device)
        self.device, self._dtype, self._most, self._graphs = "cpu", torch.float32, 0, None
        self.module = self.module.to(self.device, self._dtype)
        _use_cores(self._threads)
        return 1

    def _run(self, inputs: FloatArray) -> FloatArray:
        # torch requires a writable C-ordered array; copied only if it is not.
        array = np.require(inputs, np.float32, ["C", "W"])
        with torch.inference_mode():
            if self._graphs is not None and 0 < len(array) <= LARGEST_BATCH:
                replayed = self._graphs.run(array)
                if replayed is not None:
                    return replayed
                self._graphs = None  # this network cannot be captured: do not retry
            result: FloatArray = self._call(torch.from_numpy(array).to(self.device)).cpu().numpy()
        return result

    def _call(self, inputs: Tensor) -> Tensor:
        """Run (N, 3, H, W) float32 on the device -> the first output on the device, C-ordered float32."""
        output = self.module(inputs.to(self._dtype).contiguous(memory_format=self._memory_format))
        first: Tensor = output[0] if isinstance(output, (tuple, list)) else output
        return first.float().contiguous()


def resolve_device(choice: str) -> str:
    """Return the torch device for `auto|cpu|cuda[:N]|mps`; `auto` is the fastest available.

    Raises:
        UsageError: an unknown name, or a device that this machine or this build of torch lacks.
    """
    if choice == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if choice == "cpu":
        return choice
    if choice == "mps":
        if not torch.backends.mps.is_available():
            raise UsageError("device mps: no Apple GPU that torch can use; try --device cpu")
        return choice
    if re.fullmatch(r"cuda(:\d{1,3})?", choice) is None:
        raise UsageError(f"device {choice!r} is none of auto, cpu, cuda, cuda:N, mps")
    if not torch.cuda.is_available():
        raise UsageError(f"device {choice}: torch {torch.__version__} finds no CUDA GPU; try --device cpu")
    number = int(choice.partition(":")[2] or 0)
    if number >= torch.cuda.device_count():
        raise UsageError(f"device {choice}: there are only {torch.cuda.device_count()}, counted from cuda:0")
    return choice


def fold_batch_norms(module: nn.Module) -> None:
    """Fold each batch norm into the immediately preceding convolution, in place; requires eval mode.

    Immediately preceding means: the previous item of an `nn.Sequential`, or the children `conv` and `bn` of a
    module, which both `models.shufflenet` and ultralytics call in this order.
    """
    for parent in module.modules():
        for (name, conv), (next_name, norm) in pairwise(list(parent.named_children())):
            adjacent = isinstance(parent, nn.Sequential) or (name, next_name) == ("conv", "bn")
            if not adjacent or not isinstance(norm, nn.BatchNorm2d):
                continue
            if isinstance(conv, nn.ConvTranspose2d) and conv.groups == 1:
                setattr(parent, name, fuse_conv_bn_eval(conv, norm, transpose=True))
            elif isinstance(conv, nn.Conv2d):
                setattr(parent, name, fuse_conv_bn_eval(conv, norm))
            else:
                continue
            setattr(parent, next_name, nn.Identity())


def _use_cores(threads: int | None) -> None:
    if threads is None and threads_by_user() is not None:
        return  # torch has read it too
    count = thread_count(threads)
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)
