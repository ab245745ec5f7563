"""The OpenVINO engine: the fastest on an ordinary CPU. Arrays in, arrays out.

With a warm cache neither torch nor the weights are loaded: the compiled network is read from the cache.
"""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from shufflecam.core.types import FloatArray
from shufflecam.engines.cache import EngineCache
from shufflecam.engines.cpu import cpu_identity, has_bfloat16, thread_count
from shufflecam.engines.runtimes import import_openvino

if TYPE_CHECKING:
    from torch import nn

Precision = Literal["float32", "auto"]


class OpenVINOEngine:
    """Runs a module on the CPU with OpenVINO; a `core.protocols.Engine`.

    `run` is thread-safe; concurrent calls are serialized.
    """

    name = "openvino"

    def __init__(
        self,
        factory: Callable[[], nn.Module],
        *,
        cache_key: str,
        input_size: tuple[int, int] | None,
        cache: EngineCache | None = None,
        precision: Precision = "float32",
        threads: int | None = None,
    ) -> None:
        """Read the compiled network from the cache, or convert, compile and store it.

        Args:
            factory: creates the module, (N, 3, H, W) -> a tensor, or a tuple of which the first item is used;
                called on a cache miss only.
            cache_key: everything that determines the module's function: SHA-256 of its weights, architecture.
            input_size: (width, height) in pixels; None if it may vary between calls.
            cache: None: no caching.
            precision: of the computation. "auto": bfloat16 if the CPU has it in hardware, which is OpenVINO's
                default there, and moves keypoints. Inputs and outputs stay float32.
            threads: None: see `engines.cpu.thread_count`.

        Raises:
            ImportError: openvino is not installed, or does not fit this system.
            RuntimeError: it cannot convert or compile the network.
        """
        openvino = import_openvino()
        half = precision == "auto" and has_bfloat16()
        self.precision = "bfloat16" if half else "float32"
        self.note: str | None = None
        """One sentence if the compiled network could not be stored."""
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            "INFERENCE_NUM_THREADS": thread_count(threads),
            # Pinned threads stall while another program, or our own decoder, occupies their core.
            "ENABLE_CPU_PINNING": False,
        }
        key = {
            "engine": f"openvino {openvino.__version__}",
            "network": cache_key,
            "input": "x".join(str(side) for side in input_size) if input_size else "free",
            "precision": self.precision,
            "cpu": f"{_core().get_property('CPU', 'FULL_DEVICE_NAME')} {cpu_identity()}",
        }
        compiled = None if cache is None else _from_cache(cache, key, config)
        if compiled is None:
            from shufflecam.engines.convert import to_openvino

            compiled = _core().compile_model(to_openvino(factory(), input_size), "CPU", config)
            if cache is not None:
                self.note = cache.store(key, _exported(compiled))
        self._tensor = openvino.Tensor
        self._request = compiled.create_infer_request()
        self._lock = threading.Lock()

    def run(self, inputs: FloatArray) -> FloatArray:
        """Run the network: (N, 3, H, W) float32 -> its (first) output, a new float32 array. N may vary."""
        # openvino requires a writable C-ordered array, though it only reads; copied only if it is not.
        array = np.require(inputs, np.float32, ["C", "W"])
        with self._lock:
            # The request reads the caller's memory in place, but only while it runs.
            self._request.set_input_tensor(self._tensor(array, shared_memory=True))
            self._request.infer()
            # Its output is in the request's memory, which the next run overwrites.
            output: FloatArray = self._request.get_output_tensor(0).data.copy()
        return output


@functools.cache
def _core() -> Any:
    """Return the process-wide core: it owns the threads, which pose network and detector share."""
    return import_openvino().Core()


def _from_cache(cache: EngineCache, key: dict[str, str], config: dict[str, Any]) -> Any:
    payload = cache.load(key)
    if payload is None:
        return None
    try:
        return _core().import_model(io.BytesIO(payload), "CPU", config)
    except RuntimeError:  # intact, but unreadable for this OpenVINO
        cache.drop(key)
        return None


def _exported(compiled: Any) -> bytes:
    stream = io.BytesIO()
    compiled.export_model(stream)
    return stream.getvalue()
