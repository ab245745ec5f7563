"""The trained pose network as a file of weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from shufflecam.train.checkpoint import export_half
from shufflecam.train.pose.nets import widen


def export(tensors: Mapping[str, Tensor], keypoints: int, path: Path, card: Mapping[str, str]) -> str:
    """Write a pose network as float16 `.safetensors` with the names of the reference's 1.x layout.

    Args:
        tensors: of a `PoseNet`, its head perhaps narrow.
        keypoints: how many heatmaps.
        path: the file; replaced.
        card: what the file says of itself: data, recipe, result. Strings.

    Returns:
        The file's SHA-256 in hex.

    Raises:
        OutputError: it cannot be written.
    """
    wide = widen({name: value.detach().cpu() for name, value in tensors.items()}, keypoints)
    return export_half(wide, path, card)
