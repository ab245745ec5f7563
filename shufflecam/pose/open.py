"""Opens pose networks. Imports torch only if no cached engine was prepared for this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shufflecam.core.errors import UsageError, WeightsError
from shufflecam.core.protocols import Engine
from shufflecam.core.stats import Stats
from shufflecam.models.catalogue import PoseEntry, cache_dir, pose_entry, require
from shufflecam.models.fetch import check_sha256, file_sha256
from shufflecam.pose.estimator import Decoding, HeatmapEstimator

if TYPE_CHECKING:
    from shufflecam.models.shufflenet import PoseNet


def load_pose_engine(
    model: str, weights: str | Path | None = None, *, backend: str = "auto", device: str = "auto"
) -> tuple[Engine, PoseEntry, str, tuple[str, ...]]:
    """Return a pose network ready to run.

    Args:
        model: a catalogue name; with `weights` it only selects the architecture.
        weights: a file to use instead of the catalogue's.
        backend: "auto", "torch", "openvino" or "onnx".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Returns:
        The engine, the catalogue entry (skeleton, input size), the file's SHA-256, and notes for the user
        (a backend that does not work here, a cache that cannot be written).

    Raises:
        UsageError: an unknown model, backend or device.
        WeightsError: the weights are missing, of another architecture, damaged or unsafe.
    """
    from shufflecam.engines.names import BACKENDS
    from shufflecam.engines.open import open_engine

    entry = pose_entry(model)
    if backend not in ("auto", *BACKENDS):  # a usage error: raised before files are searched
        raise UsageError(f"there is no backend {backend!r}; choose one of auto, {', '.join(BACKENDS)}")
    if device not in ("auto", "cpu"):
        from shufflecam.engines.torch import resolve_device

        resolve_device(device)
    if weights is not None:
        path = Path(weights)
        if not path.is_file():
            raise WeightsError(f"there is no weights file {path}")
        digest = file_sha256(path)
    else:
        path = require(entry)
        digest = check_sha256(path, entry)

    def read() -> PoseNet:
        from shufflecam.models.load import load_pose
        from shufflecam.models.prune import prune_zero_channels

        return prune_zero_channels(load_pose(path, entry))

    # A cache entry under this key was read from this very file once, with all checks.
    engine, notes = open_engine(
        read,
        backend=backend,
        device=device,
        cache_key=cache_key(entry, digest),
        input_size=entry.input_size,
        cache_dir=cache_dir() / "engines",
    )
    return engine, entry, digest, notes


def cache_key(entry: PoseEntry, digest: str) -> str:
    """Return the cache key of a prepared network: everything that determines its output, and the pruning.

    Args:
        entry: of the catalogue.
        digest: the SHA-256 of its weights.
    """
    return f"{entry.architecture}-{len(entry.skeleton.keypoints)}-narrow-{digest}"


def open_estimator(
    model: str,
    weights: str | Path | None = None,
    *,
    flip_test: bool = False,
    decode: Decoding = "plain",
    backend: str = "auto",
    device: str = "auto",
    stats: Stats | None = None,
) -> tuple[HeatmapEstimator, str, tuple[str, ...]]:
    """Return an estimator by its model's name. Errors as of `load_pose_engine`.

    Args:
        model: a catalogue name; with `weights` it only selects the architecture.
        weights: a file to use instead of the catalogue's.
        flip_test: see `HeatmapEstimator`.
        decode: its `decoding`.
        backend: "auto", "torch", "openvino" or "onnx".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        stats: see `HeatmapEstimator`.

    Returns:
        The estimator, the weights' SHA-256, and notes for the user.
    """
    from shufflecam.pose.open import load_pose_engine

    engine, entry, sha256, notes = load_pose_engine(model, weights, backend=backend, device=device)
    estimator = HeatmapEstimator(
        engine,
        entry.skeleton,
        entry.input_size,
        flip_test=flip_test,
        decoding=decode,
        sigma=entry.sigma,
        stats=stats,
    )
    return estimator, sha256, notes
