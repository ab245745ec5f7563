"""The detectors' networks through every engine: one prepared network for pictures of all shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from shufflecam.engines.names import BACKENDS
from shufflecam.engines.open import installed, open_engine
from shufflecam.models.yolo import build_network, load_network

FAMILIES = ("yolov8n", "yolo11n", "yolo26n")


@pytest.fixture(scope="module", params=FAMILIES)
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> torch.nn.Module:
    torch.manual_seed(0)
    module = build_network(request.param, 1)
    path = tmp_path_factory.mktemp("detector") / "person.safetensors"
    save_file(module.state_dict(), path, {"architecture": request.param})
    loaded = load_network(path).module
    # Anchors are then part of the network and not constants of one picture's shape.
    loaded.model[-1].dynamic = True
    return loaded


@pytest.mark.parametrize("backend", BACKENDS)
def test_boxes_are_torchs_at_any_shape(backend: str, network: torch.nn.Module, tmp_path: Path) -> None:
    if not installed(backend):
        pytest.skip(f"{backend} is not installed")
    if backend == "onnx":
        pytest.importorskip("onnx", reason="torch needs the package onnx to convert")
    engine, notes = open_engine(
        lambda: network,
        backend=backend,
        device="cpu",
        cache_key="detector",
        input_size=None,
        cache_dir=tmp_path,
    )
    assert notes == ()
    for height, width in ((64, 96), (96, 64), (128, 160)):
        inputs = np.random.default_rng(height).random((1, 3, height, width), dtype=np.float32)
        with torch.inference_mode():
            expected = network(torch.from_numpy(inputs)).numpy()
        output = engine.run(inputs)
        if expected.shape[2] == 6:
            # One row a candidate, best first, where equal scores may swap; in converted networks the
            # limit of 300 rows is gone, and those beyond it score least.
            rows = expected.shape[1]
            output, expected = output[:, :rows, 4], expected[..., 4]
        assert output.shape == expected.shape
        assert np.abs(output - expected).max() <= 1e-4 * np.abs(expected).max()
