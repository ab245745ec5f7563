"""A training run of the pose network, from sets of pictures to a file of weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from shufflecam.models.catalogue import PoseEntry
    from shufflecam.models.shufflenet import PoseNet
    from shufflecam.train.pose.recipe import Recipe
    from shufflecam.train.pose.run import Run


def measure_ap(spec: Any, entry: PoseEntry, recipe: Recipe) -> Callable[[PoseNet], float]:
    """Return a function from a network to its AP. Reads the annotations now, so that errors show early."""
    from shufflecam.evaluate.annotations import ground_truth_boxes, read_coco
    from shufflecam.evaluate.coco import predict, score

    data = read_coco(spec.annotations, spec.images)
    boxes = ground_truth_boxes(data)

    def measure(net: PoseNet) -> float:
        from shufflecam.engines.torch import TorchEngine
        from shufflecam.pose.estimator import HeatmapEstimator

        engine = TorchEngine(net, "auto")
        estimator = HeatmapEstimator(engine, entry.skeleton, recipe.input_size, flip_test=True)
        return score(predict(estimator, data.pictures, boxes), data, entry.skeleton).ap

    return measure


def start_tensors(path: Path | None) -> Any:
    """Return the tensors of a weights file; None without a path."""
    if path is None:
        return None
    from shufflecam.models.load import pose_tensors

    return pose_tensors(path).tensors


def start_detector(path: Path | None) -> Any:
    """Return a detector's network; None without a path."""
    if path is None:
        return None
    from shufflecam.models.yolo import load_network

    return load_network(path).module


def export_weights(
    run: Run, entry: PoseEntry, recipe: Recipe, sets: tuple[str, ...], result: str, target: Path
) -> str:
    """Write the network's weights with their metadata to `target`; return the file's SHA-256."""
    from shufflecam.train.pose.export import export

    width, height = recipe.input_size
    card = {
        "architecture": "shufflenetv1-heatmap",
        "input_size": f"{width}x{height}",
        "skeleton": entry.skeleton.name,
        "data": "; ".join(sets),
        "recipe": json.dumps(recipe.as_dict()),
        "result": result,
    }
    return export(run.averaged().state_dict(), len(entry.skeleton.keypoints), target, card)
