"""The second start: with prepared networks in the cache neither torch nor ultralytics is imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save_file

from tests.cli.conftest import cli_environment

pytest.importorskip("openvino", reason="other engines need torch on every start")


@pytest.fixture
def person_weights(tmp_path: Path) -> Path:
    """A small detector with random weights."""
    from shufflecam.models.yolo import build_network

    path = tmp_path / "person.safetensors"
    state = {name: value.contiguous() for name, value in build_network("yolov8n", 1).state_dict().items()}
    save_file(state, path, {"architecture": "yolov8n", "nc": "1"})
    return path


def test_a_warm_start_imports_neither_torch_nor_ultralytics(
    pose_weights: Path,
    person_weights: Path,
    clip: Path,
    pictures: Path,
    tmp_path: Path,
    run_cli: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    networks = ["--weights", str(pose_weights), "--detector", str(person_weights), "--det-size", "64"]
    first = run_cli("images", pictures, *networks, "--json", tmp_path / "cold.json")
    assert first.returncode == 0, first.stderr
    commands = [
        ["images", str(pictures), *networks, "--json", str(tmp_path / "a.json")],
        [
            "video",
            str(clip),
            *networks,
            "--out",
            str(tmp_path / "b.mp4"),
            "--json",
            str(tmp_path / "b.jsonl"),
        ],
        ["webcam", "--replay", str(clip), "--headless", "--max-frames", "3", *networks],
    ]
    code = (
        "import sys\n"
        "from shufflecam.cli.main import run\n"
        f"for command in {commands!r}:\n"
        "    try:\n"
        "        run(command)\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, (command, end.code)\n"
        "print('HEAVY', sorted({'torch', 'ultralytics', 'torchvision', 'safetensors'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=cli_environment(tmp_path),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY []"
