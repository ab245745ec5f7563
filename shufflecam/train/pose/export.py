"""Exports a trained pose network to a weights file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from shufflecam.train.checkpoint import export_half
from shufflecam.train.pose.nets import widen


def export(tensors: Mapping[str, Tensor], keypoints: int, path: Path, card: Mapping[str, str]) -> str:
    """Write a pose network as float16 `.safetensors` with the names of the reference's 1.x layout.

    Args:
        tensors: of a `PoseNet`, possibly with a narrow head.
        keypoints: number of heatmaps.
        path: output file; an existing one is replaced.
        card: metadata of the file: data, recipe, result. Strings.

    Returns:
        The file's SHA-256 in hex.

    Raises:
        OutputError: the file cannot be written, or a value exceeds the range of float16.
    """
    wide = widen({name: value.detach().cpu() for name, value in tensors.items()}, keypoints)
    return export_half(wide, path, card)
