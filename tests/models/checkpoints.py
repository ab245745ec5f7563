"""Checkpoints as the OpenMMLab tools write them, with made-up weights and everything else that is in them."""

from __future__ import annotations

import functools
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers import synthetic


@functools.cache
def _drawn(keypoints: int) -> dict[str, torch.Tensor]:
    return synthetic.synthetic_state(keypoints)


def synthetic_state(keypoints: int) -> dict[str, torch.Tensor]:
    """As `tests.helpers.synthetic` draws it, but once only; a new dictionary each time."""
    return dict(_drawn(keypoints))


def old_layout(keypoints: int = 17) -> dict[str, Any]:
    """A 0.x file: {"meta", "state_dict"}, the head under `keypoint_head.`, numpy scalars in the notes."""
    state = {
        name.replace("head.", "keypoint_head.", 1) if name.startswith("head.") else name: tensor
        for name, tensor in synthetic_state(keypoints).items()
    }
    meta = {
        "mmpose_version": "0.6.0",
        "epoch": 210,
        "iter": np.int64(48_930),
        "best_score": np.float64(0.585),
        "best_epoch": np.float32(200),
        "config": "log_level = 'INFO'\n",
        "hook_msgs": {"best": np.array([0.5, 0.58])},
    }
    return {"meta": meta, "state_dict": state}


def new_layout(monkeypatch: pytest.MonkeyPatch, keypoints: int = 17) -> dict[str, Any]:
    """A 1.x file: `head.`, the preprocessor's constants, and a message hub with mmengine's own objects.

    To be saved at once: the made-up mmengine modules are gone after the test.
    """
    state = dict(synthetic_state(keypoints))
    state["data_preprocessor.mean"] = torch.tensor([[[123.675]], [[116.28]], [[103.53]]])
    state["data_preprocessor.std"] = torch.tensor([[[58.395]], [[57.12]], [[57.375]]])
    history = history_buffer(monkeypatch)
    return {
        "meta": {"mmengine_version": "0.4.0", "dataset_meta": {"sigmas": np.full(17, 0.026)}, "seed": 0},
        "state_dict": state,
        "message_hub": {"log_scalars": {"train/loss": history}, "runtime_info": {"epoch": 210}},
    }


def history_buffer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An object like mmengine's HistoryBuffer: an array and a table of its own methods as state."""
    package, module = types.ModuleType("mmengine"), types.ModuleType("mmengine.history_buffer")

    class HistoryBuffer:
        def mean(self) -> float:
            return 0.0

    HistoryBuffer.__module__ = module.__name__
    HistoryBuffer.__qualname__ = "HistoryBuffer"
    HistoryBuffer.mean.__module__ = module.__name__
    HistoryBuffer.mean.__qualname__ = "HistoryBuffer.mean"
    module.HistoryBuffer = HistoryBuffer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    history = HistoryBuffer()
    history.__dict__ = {
        "_max_length": 1_000_000,
        "_log_history": np.arange(3.0),
        "_statistics_methods": {"mean": HistoryBuffer.mean},
    }
    return history


def save(content: Any, path: Path, *, older_format: bool = False) -> Path:
    """`torch.save` in the zip format or the one before it."""
    torch.save(content, path, _use_new_zipfile_serialization=not older_format)
    return path
