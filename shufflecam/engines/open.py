"""Selects an engine by `--backend auto|torch|openvino|onnx` and `--device`, and proves it by a trial run."""

from __future__ import annotations

import functools
import importlib.util
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shufflecam.core.errors import ShufflecamError, UsageError
from shufflecam.core.protocols import Engine
from shufflecam.engines.cache import EngineCache
from shufflecam.engines.names import BACKENDS, PACKAGES
from shufflecam.engines.openvino import Precision

if TYPE_CHECKING:
    from torch import nn

CPU_ORDER = ("openvino", "onnx", "torch")
"""Fastest first, as measured; torch is always there."""

TRIAL_SIZE = (64, 64)
"""(width, height) of the trial input if the network takes any size."""


def open_engine(
    factory: Callable[[], nn.Module],
    *,
    backend: str = "auto",
    device: str = "auto",
    cache_key: str,
    input_size: tuple[int, int] | None,
    cache_dir: Path | None,
    precision: Precision = "float32",
    threads: int | None = None,
) -> tuple[Engine, tuple[str, ...]]:
    """Create an engine for a network, proven by a trial run.

    Args:
        factory: creates the module, (N, 3, H, W) -> a tensor or a tuple of which the first item is used.
            Called at most once, and not at all if the network is cached for this machine.
        backend: "auto" (torch on a GPU; else the fastest that is installed and works), or one of `BACKENDS`.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        cache_key: everything that determines the module's function: its weights' SHA-256, its architecture.
        input_size: (width, height) in pixels; None if it may vary between calls.
        cache_dir: folder of converted networks; None: no caching.
        precision: "float32"; "auto": the fastest on this device with equal accuracy (bfloat16, float16).
        threads: CPU threads; None: see `engines.cpu.thread_count`.

    Returns:
        The engine, and warnings for the user, one sentence each: a backend that failed, a cache that cannot
        be written.

    Raises:
        UsageError: an unknown or not installed backend, a missing device, or one that the backend cannot use.
        ShufflecamError: the explicitly requested backend does not work here; whatever `factory` raises.
    """
    if backend != "auto" and backend not in BACKENDS:
        raise UsageError(f"there is no backend {backend!r}; choose one of auto, {', '.join(BACKENDS)}")
    place = _place(backend, device)
    candidates = _candidates(backend, place)
    make_once = functools.cache(factory)
    cache = None if cache_dir is None else EngineCache(cache_dir)
    notes: list[str] = []
    for name in candidates:
        try:
            engine = _make(name, make_once, place, cache_key, input_size, cache, precision, threads)
            _try_out(engine, input_size)
        except ShufflecamError:
            raise
        except Exception as error:  # third-party runtimes may raise anything
            reason = f"{type(error).__name__}: {_first_line(error)}"
            if name == candidates[-1]:
                raise ShufflecamError(
                    f"backend {name} does not work on this machine ({reason}); try --backend auto"
                    if backend != "auto"
                    else f"no backend works on this machine; the last, {name}: {reason}"
                ) from error
            notes.append(f"backend {name} does not work here, the next one is used ({reason})")
            continue
        note = getattr(engine, "note", None)
        return engine, (*notes, note) if note else tuple(notes)
    raise AssertionError("there is always a candidate")


def installed(backend: str) -> bool:
    """Whether a backend's package is installed, without importing it."""
    return importlib.util.find_spec(PACKAGES[backend]) is not None


def _place(backend: str, device: str) -> str:
    """Return the device by torch's name. Imports torch only if there might be a GPU.

    Raises:
        UsageError: an unknown or missing device, or one that the backend cannot use.
    """
    if backend in ("openvino", "onnx"):
        if device not in ("auto", "cpu"):
            raise UsageError(f"backend {backend} runs on the CPU only; use --device cpu or --backend torch")
        return "cpu"
    if device == "cpu" or (device == "auto" and not _may_have_gpu()):
        return "cpu"
    from shufflecam.engines.torch import resolve_device

    return resolve_device(device)


def _may_have_gpu() -> bool:
    """Whether a GPU is plausible, so that importing torch, which takes seconds, is worthwhile."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    try:
        if version("torch").endswith("+cpu"):
            return False
    except PackageNotFoundError:
        return False
    if platform.system() == "Linux":
        # The kernel driver on bare metal; the device node in containers and WSL.
        return any(Path(path).exists() for path in ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/dxg"))
    return True


def _candidates(backend: str, place: str) -> tuple[str, ...]:
    if backend != "auto":
        if not installed(backend):
            package = "'shufflecam[onnx]'" if backend == "onnx" else PACKAGES[backend]
            raise UsageError(
                f"backend {backend} is not installed; pip install {package}, or use --backend auto"
            )
        return (backend,)
    if place != "cpu":
        return ("torch",)
    return tuple(name for name in CPU_ORDER if name == "torch" or installed(name))


def _make(
    name: str,
    factory: Callable[[], nn.Module],
    place: str,
    cache_key: str,
    input_size: tuple[int, int] | None,
    cache: EngineCache | None,
    precision: Precision,
    threads: int | None,
) -> Engine:
    if name == "openvino":
        from shufflecam.engines.openvino import OpenVINOEngine

        return OpenVINOEngine(
            factory,
            cache_key=cache_key,
            input_size=input_size,
            cache=cache,
            precision=precision,
            threads=threads,
        )
    if name == "onnx":
        from shufflecam.engines.onnx import OnnxEngine

        return OnnxEngine(factory, cache_key=cache_key, input_size=input_size, cache=cache, threads=threads)
    assert name == "torch", f"engines.open makes no engine of {name!r}"
    from shufflecam.engines.torch import TorchEngine

    half = precision == "auto" and place.startswith("cuda")
    return TorchEngine(factory(), place, precision="float16" if half else "float32", threads=threads)


def _try_out(engine: Engine, input_size: tuple[int, int] | None) -> None:
    """Run once: many failures only show then, and the first run is the slow one anyway.

    Raises:
        RuntimeError: the output is not finite.
    """
    width, height = input_size or TRIAL_SIZE
    output = engine.run(np.zeros((1, 3, height, width), np.float32))
    if not np.isfinite(output).all():
        raise RuntimeError("a trial run gave infinite or missing numbers")


def _first_line(error: Exception) -> str:
    """Return the first line of an error message, which names the cause: runtimes write pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else "no reason given"
