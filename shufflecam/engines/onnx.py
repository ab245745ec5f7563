"""The ONNX Runtime engine (extra `onnx`), on the CPU. Arrays in, arrays out.

With a warm cache neither torch nor the weights are loaded: the converted network is read from the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from shufflecam.core.types import FloatArray
from shufflecam.engines.cache import EngineCache
from shufflecam.engines.cpu import thread_count
from shufflecam.engines.runtimes import import_onnxruntime

if TYPE_CHECKING:
    from torch import nn


class OnnxEngine:
    """Runs a module on the CPU with ONNX Runtime, in float32; a `core.protocols.Engine`.

    `run` is thread-safe.
    """

    name = "onnx"

    def __init__(
        self,
        factory: Callable[[], nn.Module],
        *,
        cache_key: str,
        input_size: tuple[int, int] | None,
        cache: EngineCache | None = None,
        threads: int | None = None,
    ) -> None:
        """Read the converted network from the cache, or convert and store it.

        Args:
            factory: creates the module, (N, 3, H, W) -> a tensor, or a tuple of which the first item is used;
                called on a cache miss only.
            cache_key: everything that determines the module's function: SHA-256 of its weights, architecture.
            input_size: (width, height) in pixels; None if it may vary between calls.
            cache: None: no caching.
            threads: None: see `engines.cpu.thread_count`.

        Raises:
            ImportError: onnxruntime, or for the conversion onnx, is not installed.
            RuntimeError: the network cannot be converted or loaded.
        """
        import_onnxruntime()  # before anything slow: fail fast if it is missing
        key = {
            "engine": "onnx",
            "network": cache_key,
            "input": "x".join(str(side) for side in input_size) if input_size else "free",
        }
        self.note: str | None = None
        """One sentence if the converted network could not be stored."""
        threads = thread_count(threads)
        session = None if cache is None else _from_cache(cache, key, threads)
        if session is None:
            from shufflecam.engines.convert import to_onnx

            model = to_onnx(factory(), input_size)
            session = open_session(model, threads)
            if cache is not None:
                self.note = cache.store(key, model)
        self._session = session
        self._input = session.get_inputs()[0].name

    def run(self, inputs: FloatArray) -> FloatArray:
        """Run the network: (N, 3, H, W) float32 -> its (first) output, a new float32 array. N may vary."""
        array = np.ascontiguousarray(inputs, np.float32)
        output: FloatArray = self._session.run(None, {self._input: array})[0]
        return output


def open_session(model: bytes, threads: int) -> Any:
    """Create an `onnxruntime.InferenceSession` for a model, on the CPU."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: standard error belongs to the command
    # Idle threads would spin on cores that decoding, drawing and encoding need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _from_cache(cache: EngineCache, key: dict[str, str], threads: int) -> Any:
    payload = cache.load(key)
    if payload is None:
        return None
    try:
        return open_session(payload, threads)
    except Exception:  # its errors share no base class: intact, but unreadable for this ONNX Runtime
        cache.drop(key)
        return None
