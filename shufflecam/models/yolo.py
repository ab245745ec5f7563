"""The person detector's network, from ultralytics' code and weight files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import WeightsError
from shufflecam.models.catalogue import cache_dir

if TYPE_CHECKING:
    from torch import Tensor, nn


FINGERPRINTS = {
    (355, 16): "yolov8n",
    (355, 32): "yolov8s",
    (475, 48): "yolov8m",
    (595, 64): "yolov8l",
    (595, 80): "yolov8x",
    (499, 16): "yolo11n",
    (499, 32): "yolo11s",
    (649, 64): "yolo11m",
    (1015, 64): "yolo11l",
    (1015, 96): "yolo11x",
    (708, 16): "yolo26n",
    (708, 32): "yolo26s",
    (768, 64): "yolo26m",
    (1092, 64): "yolo26l",
    (1092, 96): "yolo26x",
}
"""(number of tensors, channels of the first convolution) -> architecture, as of ultralytics 8.4.190. Only
selects what to build: every tensor is then checked by name and shape."""


STEM = "model.0.conv.weight"


@dataclass(frozen=True, eq=False)
class PersonNetwork:
    """A detector network with its weights."""

    module: nn.Module
    """(N, 3, H, W) RGB in 0..1, sides multiples of 32 -> (N, 4 + classes, anchors), or (N, M, 6) from 26."""
    architecture: str
    person: int
    """The index of the person class."""
    metadata: dict[str, str]


def load_network(path: Path) -> PersonNetwork:
    """Load the network in a file: ultralytics' `.pt`, or `.safetensors` with the same tensor names.

    Raises:
        WeightsError: missing, damaged, unsafe, or not a detector of the v8, 11 or 26 families.
    """
    from shufflecam.models.load import fill

    path = Path(path)
    tensors, metadata, names = _read(path)
    stem = tensors.get(STEM)
    channels = int(stem.shape[0]) if stem is not None and stem.ndim else 0
    architecture = metadata.get("architecture") or FINGERPRINTS.get((len(tensors), channels), "")
    if architecture not in FINGERPRINTS.values():
        raise WeightsError(f"{path} is not a person detector of the yolov8, yolo11 or yolo26 families")
    classes = _classes(path, tensors)
    module = build_network(architecture, classes)
    fill(module, tensors, path, f"a {architecture} detector")
    return PersonNetwork(
        inference_network(module), architecture, _person_class(path, names, classes), metadata
    )


def build_network(architecture: str, classes: int) -> nn.Module:
    """Build ultralytics' `DetectionModel` with random weights, in training mode.

    Args:
        architecture: "yolov8n" ... "yolo26x".
        classes: number of object classes.
    """
    with quiet_ultralytics():
        import torch
        import ultralytics
        from ultralytics.nn.tasks import DetectionModel
        from ultralytics.utils import YAML

    family, scale = architecture[:-1], architecture[-1]
    folder = Path(ultralytics.__file__).parent / "cfg" / "models" / family.removeprefix("yolo")
    # Parsed here: given a name, ultralytics would look in the working directory first.
    description = {
        **YAML.load(folder / f"{family}.yaml"),
        "scale": scale,
        "yaml_file": f"{architecture}.yaml",
    }
    with torch.random.fork_rng(devices=[]):  # construction draws random weights: keep the caller's RNG state
        module: nn.Module = DetectionModel(description, nc=classes, verbose=False)
    return module


def inference_network(module: Any) -> nn.Module:
    """Convert a detector for inference, in place: no training-only parts, boxes as the only output."""
    module.eval()
    head = module.model[-1]
    if hasattr(head, "one2one_cv2"):
        # 26 has two heads: an end-to-end one, and one for training whose output needs suppression. Which of
        # them is the default has changed between releases.
        module.end2end = True
    module.fuse(verbose=False)
    # With this flag the head returns the boxes alone, as exports do, without its raw feature maps.
    head.export = True
    # Anchors are recomputed for each shape: a traced network would keep those of the first picture.
    head.dynamic = True
    checked: nn.Module = module.requires_grad_(False)
    return checked


def _read(path: Path) -> tuple[Mapping[str, Tensor], dict[str, str], Any]:
    """Return the tensors by name, the metadata, and the class names if the file has them."""
    from torch import Tensor

    from shufflecam.models.load import Tensors, read_checkpoint
    from shufflecam.models.pickles import Inert, module_tensors

    content = read_checkpoint(path)
    if isinstance(content, Tensors):
        return content.tensors, content.metadata, None
    stored = content
    if isinstance(content, dict):
        # ultralytics stores a training's averaged weights under "ema" and prefers them.
        stored = content.get("ema") or content.get("model") or content.get("state_dict") or content
    if isinstance(stored, Inert):
        return module_tensors(stored), {}, stored.get("names")
    if isinstance(stored, dict) and stored and all(isinstance(value, Tensor) for value in stored.values()):
        return stored, {}, None
    raise WeightsError(f"{path} is not a person detector: no network is in it")


def _classes(path: Path, tensors: Mapping[str, Tensor]) -> int:
    """Return the number of classes: the biases of the head's last classification convolution."""
    biases = [value for name, value in tensors.items() if name.endswith("cv3.0.2.bias") and value.ndim == 1]
    if not biases:
        raise WeightsError(f"{path} is not a person detector: it has no classifying head")
    return len(biases[0])


def _person_class(path: Path, names: Any, classes: int) -> int:
    """Return the index of the person class: by name if names are known, else 0, as in COCO."""
    if not isinstance(names, dict) or classes == 1:
        return 0
    for number, name in names.items():
        if name == "person" and isinstance(number, int) and 0 <= number < classes:
            return number
    raise WeightsError(f"{path} is not a person detector: none of its {classes} classes is called person")


@contextmanager
def quiet_ultralytics() -> Iterator[None]:
    """Context for importing ultralytics so that it neither phones home, installs, nor changes the process.

    It reads these switches on import. Its settings (telemetry is `sync`) go to a folder of ours instead of
    the user's home. It also sets OMP_NUM_THREADS=1, disables OpenCV's threads, sets numpy's print options
    and replaces torch.save and Pillow's Image.open (which then requires a package that is not installed for
    every broken picture): all of this is restored.
    """
    if "ultralytics" in sys.modules:
        yield
        return
    import cv2
    import numpy as np
    import torch
    from PIL import Image

    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_VERBOSE"] = "false"
    os.environ.setdefault("YOLO_CONFIG_DIR", str(cache_dir()))
    omp, cv2_threads, save, printing, open_picture = (
        os.environ.get("OMP_NUM_THREADS"),
        cv2.getNumThreads(),
        torch.save,
        np.get_printoptions(),
        Image.open,
    )
    try:
        yield
        from ultralytics.utils import SETTINGS

        dict.update(SETTINGS, sync=False)  # for this process only: nothing is written
    finally:
        if omp is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        cv2.setNumThreads(cv2_threads)
        torch.save = save
        Image.open = open_picture
        np.set_printoptions(**printing)
