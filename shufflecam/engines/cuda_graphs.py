"""CUDA graphs: replay a network's hundreds of kernel launches as one, for the small batches of live video.

At a few crops per frame the GPU waits for the CPU that launches its kernels, not vice versa. A graph captures
the launches for one input shape; a replay is a single call. The rules followed here (static memory, warm-up
on a side stream) are those of PyTorch's documentation, "CUDA semantics", section "CUDA Graphs".
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from shufflecam.core.types import FloatArray

log = logging.getLogger(__name__)

LARGEST_BATCH = 16
"""Largest batch that is captured: larger ones keep the GPU busy by themselves."""

KEPT = 24
"""Maximum number of graphs, one per input shape (LRU): each holds its own memory."""

WARM_UPS = 3
"""Warm-up runs before a capture, in which libraries select kernels and allocate their workspace."""


@dataclass(frozen=True, eq=False)
class _Graph:
    """A captured graph and the static memory that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    host_in: Tensor
    """Pinned: the GPU reads it directly."""
    device_in: Tensor
    device_out: Tensor
    host_out: Tensor


class CudaGraphs:
    """Runs a function of one tensor by graph replay, one graph per input shape."""

    def __init__(self, function: Callable[[Tensor], Tensor], device: torch.device) -> None:
        """Start without any graph.

        Args:
            function: float32 on the device -> float32 on the device; it must launch the same kernels for the
                same shape.
            device: a CUDA device.
        """
        self._function, self._device = function, device
        self._graphs: OrderedDict[tuple[int, ...], _Graph] = OrderedDict()

    def run(self, inputs: FloatArray) -> FloatArray | None:
        """Return the function of a C-ordered float32 array; None if it cannot be captured.

        Raises:
            torch.OutOfMemoryError: the GPU's memory is full.
        """
        with torch.cuda.device(self._device):
            entry = self._graphs.get(inputs.shape)
            if entry is None:
                try:
                    entry = self._record(inputs.shape)
                except torch.OutOfMemoryError:
                    self._graphs.clear()
                    raise
                except RuntimeError as error:
                    log.info("CUDA graphs do not work for this network: %s", error)
                    self._graphs.clear()
                    return None
                self._graphs[inputs.shape] = entry
                if len(self._graphs) > KEPT:
                    self._graphs.popitem(last=False)
            self._graphs.move_to_end(inputs.shape)
            entry.host_in.copy_(torch.from_numpy(inputs))
            entry.device_in.copy_(entry.host_in, non_blocking=True)
            entry.graph.replay()
            entry.host_out.copy_(entry.device_out, non_blocking=True)
            torch.cuda.current_stream().synchronize()
            answer: FloatArray = entry.host_out.numpy().copy()  # the next run overwrites this memory
        return answer

    def _record(self, shape: tuple[int, ...]) -> _Graph:
        device_in = torch.zeros(shape, device=self._device)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                self._function(device_in)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # The detector may run on another thread meanwhile: its calls must not be captured.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            device_out = self._function(device_in)
        return _Graph(
            graph,
            torch.empty(shape, pin_memory=True),
            device_in,
            device_out,
            torch.empty(device_out.shape, pin_memory=True),
        )
