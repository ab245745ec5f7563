"""Exports the pose network for other programs, verified against the original."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from shufflecam.core.errors import OutputError, ShufflecamError, UsageError
from shufflecam.core.reasons import reason
from shufflecam.jobs.photos import PEOPLE, read_photo

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from shufflecam.core.protocols import Engine
    from shufflecam.core.types import FloatArray, Pose
    from shufflecam.models.catalogue import PoseEntry
    from shufflecam.models.shufflenet import PoseNet

SUFFIXES = {"onnx": (".onnx",), "openvino": (".xml",), "torchscript": (".pt", ".torchscript", ".ts")}


NEEDS = {"onnx": ("onnx", "onnxruntime"), "openvino": ("openvino",), "torchscript": ("torch",)}


MAX_SHIFT = 0.5
"""Maximum distance in pixels of the picture that a keypoint may move; beyond it, the file is discarded."""


@dataclass(frozen=True)
class Exported:
    """The result of an export."""

    bytes: int
    """Total size of its files."""
    joints: int
    """Number of keypoints of real people that were compared."""
    shift: float
    """Maximum distance that one of them moves, in pixels of the picture."""


def export_network(
    runtime: str, file: Path, model: str, weights: Path | None = None, *, overwrite: bool = False
) -> Exported:
    """Export a pose network for another runtime, verified on real people before it is kept.

    Args:
        runtime: "onnx", "openvino" or "torchscript".
        file: with that runtime's suffix.
        model: a pose model of the catalogue; with `weights` it only selects the architecture.
        weights: a checkpoint to use instead of the catalogue's.
        overwrite: whether an existing file may be replaced.

    Raises:
        UsageError, OutputError, WeightsError: before anything is written.
        ShufflecamError: a keypoint moves by more than `MAX_SHIFT`; nothing is kept.
    """
    import copy

    from shufflecam.models.catalogue import pose_entry
    from shufflecam.models.prune import prune_zero_channels

    entry = pose_entry(model)
    _check_usage(runtime, file)
    _check_output(runtime, file, overwrite)
    net, sha256 = _load(entry, weights)
    with _folder_beside(file) as folder:
        draft = Path(folder) / file.name
        _write(runtime, prune_zero_channels(copy.deepcopy(net)), entry, _describe(entry, sha256), draft)
        shift, joints = measure_shift(_open(runtime, draft), net, entry)
        if not shift <= MAX_SHIFT:
            raise ShufflecamError(
                f"{file} was not written: with {runtime} a keypoint moves by {shift:.2f} pixels where "
                f"{MAX_SHIFT} are allowed; report this, or try another version of {runtime}"
            )
        _keep(runtime, draft, file)
    return Exported(sum(path.stat().st_size for path in _files(runtime, file)), joints, shift)


def _check_usage(runtime: str, file: Path) -> None:
    if file.suffix.lower() not in SUFFIXES[runtime]:
        raise UsageError(f"export {runtime} writes {' or '.join(SUFFIXES[runtime])} files, not {file.name!r}")
    missing = [name for name in NEEDS[runtime] if find_spec(name) is None]
    if missing:
        package = "'shufflecam[onnx]'" if runtime == "onnx" else " ".join(missing)
        raise UsageError(f"export {runtime} needs {' and '.join(missing)}; pip install {package}")


def _files(runtime: str, file: Path) -> list[Path]:
    """Return all files of an export; the one that names the others last."""
    return [file.with_suffix(".bin"), file] if runtime == "openvino" else [file]


def _check_output(runtime: str, file: Path, overwrite: bool) -> None:
    from shufflecam.core.files import check_writable

    for path in _files(runtime, file):
        check_writable(path, overwrite)


def _load(entry: PoseEntry, weights: Path | None) -> tuple[PoseNet, str]:
    from shufflecam.models.catalogue import require
    from shufflecam.models.fetch import check_sha256, file_sha256
    from shufflecam.models.load import load_pose

    if weights is not None:
        return load_pose(weights, entry), file_sha256(weights)
    path = require(entry)
    sha256 = check_sha256(path, entry)
    return load_pose(path, entry), sha256


def _describe(entry: PoseEntry, sha256: str) -> dict[str, str]:
    """Return the metadata needed to use the file on its own."""
    from shufflecam.core.version import __version__
    from shufflecam.pose.crops import PIXEL_MEAN_RGB, PIXEL_STD_RGB

    width, height = entry.input_size
    return {
        "made_by": f"shufflecam {__version__}",
        "model": entry.name,
        "weights_sha256": sha256,
        "input": f"N x 3 x {height} x {width} float32: one person a crop, RGB, (pixel - mean) / std",
        "mean_rgb": " ".join(f"{value:.3f}" for value in PIXEL_MEAN_RGB),
        "std_rgb": " ".join(f"{value:.3f}" for value in PIXEL_STD_RGB),
        "output": "N x keypoints x height/4 x width/4: a heatmap each, its maximum is place and score",
        "keypoints": ",".join(entry.skeleton.keypoints),
    }


def _folder_beside(file: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder on the same disk, so that verified files are moved into place atomically."""
    try:
        return tempfile.TemporaryDirectory(dir=file.parent, prefix=".shufflecam-")
    except OSError as error:
        raise OutputError(f"{file.parent} cannot be written ({reason(error)}); try another folder") from error


def _write(runtime: str, net: nn.Module, entry: PoseEntry, facts: dict[str, str], file: Path) -> None:
    from shufflecam.engines import convert

    try:
        if runtime == "torchscript":
            convert.to_torchscript(net, entry.input_size).save(str(file), _extra_files=facts)
        elif runtime == "openvino":
            from shufflecam.engines.runtimes import import_openvino

            model = convert.to_openvino(net, entry.input_size)
            for name, value in facts.items():
                model.set_rt_info(value, ["shufflecam", name])
            import_openvino().save_model(model, file, compress_to_fp16=False)
        else:
            import onnx

            graph = onnx.load_model_from_string(convert.to_onnx(net, entry.input_size))
            onnx.helper.set_model_props(graph, facts)
            file.write_bytes(graph.SerializeToString())
    except OSError as error:
        raise OutputError(f"{file.name} cannot be written ({reason(error)})") from error


@dataclass(frozen=True)
class _FileEngine:
    """An exported file, run by its runtime; a `core.protocols.Engine`."""

    name: str
    run: Callable[[FloatArray], FloatArray]


def _open(runtime: str, file: Path) -> Engine:
    if runtime == "torchscript":
        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch prefers its newer exporters
            module = torch.jit.load(str(file))

        def run_torchscript(inputs: FloatArray) -> FloatArray:
            with torch.inference_mode():
                output: FloatArray = module(torch.from_numpy(inputs)).numpy()
            return output

        return _FileEngine(runtime, run_torchscript)
    if runtime == "openvino":
        from shufflecam.engines.runtimes import import_openvino

        # By default the CPU may compute in bfloat16; what is compared here is the file.
        network = import_openvino().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return _FileEngine(runtime, lambda inputs: network(inputs)[0].copy())
    from shufflecam.engines.cpu import thread_count
    from shufflecam.engines.onnx import open_session

    session = open_session(file.read_bytes(), thread_count())
    return _FileEngine(runtime, lambda inputs: session.run(None, {session.get_inputs()[0].name: inputs})[0])


def measure_shift(engine: Engine, net: nn.Module, entry: PoseEntry) -> tuple[float, int]:
    """Compare an engine's keypoints with torch's, on the people of two photos and their mirror images.

    Returns:
        The largest distance in pixels of the picture (infinite if only one of them finds a keypoint), and the
        number of keypoints compared.
    """
    import numpy as np

    from shufflecam.engines.torch import TorchEngine

    plain = TorchEngine(net, "cpu", channels_last=False, fold=False)
    ours, theirs = _keypoints(engine, entry), _keypoints(plain, entry)
    found = np.isfinite(theirs).all(axis=2)
    if not np.array_equal(found, np.isfinite(ours).all(axis=2)):
        return float("inf"), int(found.sum())
    distances = np.linalg.norm(ours - theirs, axis=2)[found]
    return float(distances.max(initial=0)), int(found.sum())


def _keypoints(engine: Engine, entry: PoseEntry) -> np.ndarray:
    """(people, keypoints, 2) in pixels of the photos."""
    import numpy as np

    from shufflecam.core.types import Detections
    from shufflecam.pose.estimator import HeatmapEstimator

    estimator = HeatmapEstimator(engine, entry.skeleton, entry.input_size)
    poses: list[Pose] = []
    for name, boxes in PEOPLE.items():
        photo = read_photo(name)
        width = photo.shape[1]
        straight = np.array(boxes, np.float32)
        mirrored = np.stack(
            [width - straight[:, 2], straight[:, 1], width - straight[:, 0], straight[:, 3]], 1
        )
        for picture, people in ((photo, straight), (np.ascontiguousarray(photo[:, ::-1]), mirrored)):
            poses += estimator.estimate(picture, Detections(people, np.ones(len(people), np.float32)))
    return np.stack([pose.keypoints for pose in poses])


def _keep(runtime: str, draft: Path, file: Path) -> None:
    try:
        for made, kept in zip(_files(runtime, draft), _files(runtime, file), strict=True):
            os.replace(made, kept)
    except OSError as error:
        raise OutputError(f"{file} cannot be written ({reason(error)})") from error
