"""`shufflecam export`: files that other programs run, proven before they are kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from shufflecam.cli.commands import export
from shufflecam.core.errors import OutputError, ShufflecamError, UsageError, WeightsError
from shufflecam.jobs import export as job
from shufflecam.jobs.export import NEEDS, _FileEngine
from tests.helpers.synthetic import synthetic_net

FILES = {"onnx": "pose.onnx", "openvino": "pose.xml", "torchscript": "pose.pt"}


def run(*arguments: object) -> str:
    result = CliRunner().invoke(export.command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def inputs() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, (3, 3, 256, 192)).astype(np.float32)


def read_torchscript(file: Path) -> tuple[np.ndarray, str]:
    extra = {"keypoints": ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch prefers its newer exporters
        module = torch.jit.load(str(file), _extra_files=extra)
    names = extra["keypoints"]
    return module(torch.from_numpy(inputs())).numpy(), names.decode() if isinstance(names, bytes) else names


def read_onnx(file: Path) -> tuple[np.ndarray, str]:
    from shufflecam.engines.onnx import open_session

    session = open_session(file.read_bytes(), 1)
    return session.run(None, {"input": inputs()})[0], session.get_modelmeta().custom_metadata_map["keypoints"]


def read_openvino(file: Path) -> tuple[np.ndarray, str]:
    from shufflecam.engines.runtimes import import_openvino

    core = import_openvino().Core()
    model = core.read_model(file)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(inputs())[0], model.get_rt_info(["shufflecam", "keypoints"]).astype(str)


READ: dict[str, Callable[[Path], tuple[np.ndarray, str]]] = {
    "onnx": read_onnx,
    "openvino": read_openvino,
    "torchscript": read_torchscript,
}


@pytest.mark.parametrize("runtime", list(FILES))
def test_the_file_computes_the_same_and_says_what_it_is(
    runtime: str, pose_weights: Path, tmp_path: Path
) -> None:
    for package in NEEDS[runtime]:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    file = tmp_path / FILES[runtime]
    said = run(runtime, file, "--model", "coco-256x192", "--weights", pose_weights)
    assert "pixels at most" in said
    output, keypoints = READ[runtime](file)
    with torch.inference_mode():
        expected = synthetic_net(17)(torch.from_numpy(inputs())).numpy()
    assert np.abs(output - expected).max() <= 1e-4 * np.abs(expected).max()
    assert keypoints.split(",")[:2] == ["nose", "left_eye"]
    # Nothing else is left beside it.
    assert {path.stem for path in tmp_path.iterdir()} == {"pose"}


def test_a_file_whose_keypoints_move_is_not_kept(
    pose_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = job._open

    def shifted(runtime: str, file: Path) -> _FileEngine:
        engine = opened(runtime, file)
        return _FileEngine(runtime, lambda x: np.roll(engine.run(x), 1, axis=3))

    monkeypatch.setattr(job, "_open", shifted)
    file = tmp_path / "pose.pt"
    with pytest.raises(ShufflecamError, match=r"was not written.*keypoint moves by"):
        run("torchscript", file, "--model", "coco-256x192", "--weights", pose_weights)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("onnx", "pose.pt"), UsageError, "writes .onnx files"),
        (("onnx", "pose.onnx", "--model", "nobody"), UsageError, "no pose model 'nobody'"),
        (("torchscript", "no/such/pose.pt"), OutputError, "no folder no/such"),
        (("torchscript", "there.pt"), OutputError, "--overwrite"),
        (("torchscript", "pose.pt", "--weights", "none.pth"), WeightsError, "no weights file"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: tuple[str, ...],
    error: type[ShufflecamError],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.pt").write_text("kept")
    with pytest.raises(error, match=message):
        run(*arguments)
    assert Path("there.pt").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["there.pt"]


def test_a_runtime_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs onnx and onnxruntime; pip install 'shufflecam\[onnx\]'"):
        run("onnx", tmp_path / "pose.onnx")


def test_help_names_the_runtimes() -> None:
    help_text = run("--help")
    assert all(name in help_text for name in FILES)
