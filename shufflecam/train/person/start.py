"""A training run of the person detector, from sets of pictures to a file of weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import UsageError
from shufflecam.core.reporting import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from shufflecam.train.person.run import DetectorRun


def prepared_views(
    pictures: list[Path],
    folder: Path,
    teacher: str,
    count: int,
    size: int,
    cut: float,
    seed: int,
    device: str,
    talk: Reporter,
    stop: Any,
) -> Any:
    """Return the run's views with the teacher's outputs; makes those that are missing. Raises Interrupted."""
    from shufflecam.core.errors import Interrupted
    from shufflecam.detect.open import weights_file
    from shufflecam.models.fetch import fetch_detector
    from shufflecam.train.person.nets import Teacher
    from shufflecam.train.person.views import make_views

    fetch_detector(teacher, talk)
    network = Teacher.from_file(weights_file(teacher)).to(device)
    with talk.progress("views", count, each="view") as meter:
        made = make_views(
            pictures,
            folder / "views",
            network,
            count=count,
            size=size,
            seed=seed,
            cut=cut,
            stop=lambda: bool(stop),
            on_view=meter.advance,
        )
    if made is None or stop:
        raise Interrupted("stopped while the views were made; the same command goes on")
    return made


def measure_ap50(val: str) -> Callable[[nn.Module], float]:
    """Return a function from a network to its AP50. Reads the annotations now, so that errors show early."""
    from shufflecam.evaluate.annotations import read_coco
    from shufflecam.evaluate.detector import MAX_PEOPLE, predict, score
    from shufflecam.train.sets import SetSpec

    spec = SetSpec.parse(val)
    data = read_coco(spec.annotations, spec.images, keypoints=None, boxes_only=True)

    def measure(net: nn.Module) -> float:
        from shufflecam.detect.yolo import YoloDetector
        from shufflecam.engines.torch import TorchEngine

        detector = YoloDetector(TorchEngine(net, "auto"), det_conf=0.01, max_people=MAX_PEOPLE)
        return score(predict(detector, data.pictures)[0], data).ap50_large

    return measure


def start_tensors(path: Path | None) -> Any:
    """Return the tensors of a `.safetensors` file; None without a path."""
    if path is None:
        return None
    from shufflecam.models.load import Tensors, read_checkpoint

    content = read_checkpoint(path)
    if not isinstance(content, Tensors):
        raise UsageError(f"--init {path} must be .safetensors.")
    return content.tensors


def export_weights(
    run: DetectorRun, folders: tuple[Path, ...], teacher: str, result: str, target: Path
) -> str:
    """Write the averaged weights with their metadata to `target`; return the file's SHA-256."""
    from dataclasses import asdict

    from shufflecam.train.checkpoint import export_half
    from shufflecam.train.person.nets import STUDENT

    card = {
        "architecture": STUDENT,
        "data": "; ".join(path.name for path in folders),
        "teacher": Path(teacher).name,
        "recipe": json.dumps(asdict(run.recipe)),
        "result": result,
    }
    return export_half(run.average, target, card)
