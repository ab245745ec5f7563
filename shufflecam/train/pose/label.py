"""Pseudo-labels: a teacher's keypoints on unlabelled pictures, as a COCO-format document.

A teacher is any pose model of the catalogue, or an OpenVINO heatmap network with the same crop,
normalisation and joint order as ours.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from shufflecam.core.errors import ShufflecamError, SourceError, WeightsError
from shufflecam.core.protocols import PersonDetector
from shufflecam.core.reasons import in_their_words
from shufflecam.core.skeleton import COCO_17, Skeleton
from shufflecam.core.types import Detections, FloatArray, Frame, Pose
from shufflecam.core.words import counted
from shufflecam.engines.runtimes import import_openvino
from shufflecam.pose.estimator import HeatmapEstimator
from shufflecam.sources.pictures.picture import read_picture

TRUST_FROM, TRUST_FULL = 0.15, 0.5
"""Teacher scores between which a joint's weight rises from 0 to 1."""

LEAST_JOINTS = 4
"""A person with fewer joints that score above `SURE` is omitted."""

SURE = 0.3


class OpenVinoTeacher:
    """A heatmap network in OpenVINO's format; a `core.protocols.Engine`."""

    name = "openvino"

    def __init__(self, path: Path) -> None:
        """Read and compile the network.

        Raises:
            WeightsError: OpenVINO is not installed, or the file is not a network with one picture input.
        """
        try:
            openvino = import_openvino()
        except ImportError as error:
            raise WeightsError(
                "This teacher needs OpenVINO; install it with pip install openvino."
            ) from error
        try:
            core = openvino.Core()
            network = core.read_model(str(path))
            _, channels, height, width = (int(side) for side in network.input(0).shape)
            if channels != 3:
                raise ValueError("its input has no three colours")
            # Labels are computed once and trained on for hours: no bfloat16 here.
            self._network = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            self.keypoints = int(network.output(0).shape[1])
        except (RuntimeError, ValueError) as error:
            raise WeightsError(
                f"{path} is not a heatmap network that OpenVINO reads ({in_their_words(error)})"
            ) from error
        self.input_size = (width, height)

    def run(self, inputs: FloatArray) -> FloatArray:
        """Return heatmaps (N, K, H/4, W/4) of (N, 3, H, W); such networks are exported for one crop a run."""
        maps = [np.array(self._network([crop[None]])[0], np.float32) for crop in inputs]
        return np.concatenate(maps)

    def estimator(self, *, flip_test: bool = False) -> HeatmapEstimator:
        """Return the teacher as an estimator of COCO's keypoints.

        Raises:
            WeightsError: it has another number of keypoints.
        """
        if self.keypoints != len(COCO_17.keypoints):
            raise WeightsError(f"The teacher has {self.keypoints} heatmaps; COCO's 17 are needed.")
        return HeatmapEstimator(self, COCO_17, self.input_size, flip_test=flip_test)


def label(
    pictures: list[Path],
    root: Path,
    detector: PersonDetector,
    estimator: HeatmapEstimator,
    *,
    min_height: float = 90.0,
    max_people: int = 3,
    on_picture: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Return the teacher's keypoints of the largest people of each picture, as a COCO document.

    Args:
        pictures: files below `root`; invalid ones are omitted.
        root: the folder that `file_name` is relative to.
        detector: finds people.
        estimator: the teacher.
        min_height: boxes less high than this (in pixels) are omitted.
        max_people: at most this many per picture.
        on_picture: called for each, for a progress bar.

    Raises:
        SourceError: no person was found in any picture.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index, path in enumerate(pictures):
        on_picture()
        try:
            image = read_picture(path)
        except ShufflecamError:
            continue
        found = _largest(detector.detect(Frame(image, index, float(index))), min_height, max_people)
        people = [
            entry
            for pose in estimator.estimate(image, found)
            if (entry := _annotation(pose, index + 1, len(annotations) + 1)) is not None
        ]
        for number, entry in enumerate(people, len(annotations) + 1):
            entry["id"] = number
        if people:
            name = path.relative_to(root).as_posix()
            size = {"width": image.shape[1], "height": image.shape[0]}
            images.append({"id": index + 1, "file_name": name, **size})
            annotations += people
    if not annotations:
        raise SourceError(f"The teacher found nobody in {counted(len(pictures), 'picture')} of {root}.")
    return {
        "info": {"description": "pseudo-labels of a teacher network"},
        "images": images,
        "annotations": annotations,
        "categories": [_category(estimator.skeleton)],
    }


def _category(skeleton: Skeleton) -> dict[str, Any]:
    return {"id": 1, "name": "person", "keypoints": list(skeleton.keypoints)}


def _largest(found: Detections, min_height: float, max_people: int) -> Detections:
    sizes = found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]
    tall = np.flatnonzero(sizes[:, 1] >= min_height)
    keep = tall[np.argsort(-sizes[tall].prod(axis=1), kind="stable")][:max_people]
    return Detections(found.boxes_xyxy[keep], found.scores[keep])


def _annotation(pose: Pose, image_id: int, number: int) -> dict[str, Any] | None:
    """Return a COCO annotation with `keypoint_weights`; None if too few joints score above `SURE`."""
    scores = np.where(np.isfinite(pose.keypoints).all(axis=1), pose.scores, 0)
    if (scores > SURE).sum() < LEAST_JOINTS:
        return None
    trust = np.clip((scores - TRUST_FROM) / (TRUST_FULL - TRUST_FROM), 0, 1)
    points: list[float] = []
    for (x, y), weight in zip(pose.keypoints, trust, strict=True):
        points += [round(float(x), 2), round(float(y), 2), 2] if weight > 0 else [0, 0, 0]
    x1, y1, x2, y2 = (round(float(value), 2) for value in pose.box_xyxy)
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": 0.53 * (x2 - x1) * (y2 - y1),
        "num_keypoints": int((trust > 0).sum()),
        "keypoints": points,
        "keypoint_weights": [round(float(weight), 3) for weight in trust],
        "score": round(float(pose.score), 4),
    }
