"""Checkpoints of training runs, and the weights exported from them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from shufflecam.core.errors import OutputError, WeightsError
from shufflecam.core.files import name_that_fits
from shufflecam.core.reasons import reason
from shufflecam.core.words import are, counted
from shufflecam.models.fetch import file_sha256


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically: the file at `path` is complete at any moment.

    Raises:
        OutputError: it cannot be written; the old file is untouched.
    """
    _replace(path, lambda target: torch.save(state, target))


def load_state(path: Path) -> dict[str, Any]:
    """Return what `save_state` wrote. Executes no code from the file.

    Raises:
        WeightsError: it is damaged, or not a checkpoint of a run.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch passes on whatever its zip and pickle readers raise
        raise WeightsError(f"{path} is damaged ({type(error).__name__}); remove it to begin anew") from error
    if not isinstance(state, dict) or not {"recipe", "step", "net", "optimizer"} <= state.keys():
        raise WeightsError(f"{path} is not the checkpoint of a training run")
    return state


def export_half(tensors: Mapping[str, Tensor], path: Path, card: Mapping[str, str]) -> str:
    """Write tensors as float16 `.safetensors`; arguments, result and errors as in `train.pose.export`."""
    half = {
        name: (value.half() if value.dtype.is_floating_point else value).detach().cpu().contiguous()
        for name, value in tensors.items()
    }
    lost = [
        name for name, value in half.items() if value.dtype.is_floating_point and not value.isfinite().all()
    ]
    if lost:
        raise OutputError(
            f"{counted(len(lost), 'tensor')} of the network {are(len(lost))} beyond float16 (the first: "
            f"{lost[0]}); train on."
        )
    _replace(path, lambda target: save_file(half, target, metadata=dict(card)))
    path.chmod(0o644)  # safetensors creates files that only their owner can read
    return file_sha256(path)


def _replace(path: Path, write: Any) -> None:
    beside = path.with_name(name_that_fits(path.parent, path.name, ".part"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(beside)
        os.replace(beside, path)
    except Exception as error:  # torch and safetensors report a full disk with their own errors
        with contextlib.suppress(OSError):
            beside.unlink()
        raise OutputError(f"Cannot write {path}: {reason(error)}; what was there before is whole.") from error
