"""Computes COCO keypoint AP with the reference's scoring.

Pictures are streamed in batches of crops, so that memory does not grow with their number; only one result
in COCO's format is kept of each person. Source of the scoring: the OpenMMLab evaluation
(box score x mean keypoint score above 0.2, then OKS NMS at 0.9 over the padded box's area).
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from shufflecam.core.errors import UsageError
from shufflecam.core.geometry import crop_to_image
from shufflecam.core.protocols import PersonDetector
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import CropBatch, Detections, FloatArray, Frame, ImageArray
from shufflecam.evaluate.annotations import PERSON_CATEGORY, CocoSet, Picture, check_size
from shufflecam.pose.crops import crop_people
from shufflecam.pose.estimator import HeatmapEstimator, instance_score
from shufflecam.sources.pictures.picture import read_picture

OKS_NMS_THRESHOLD = 0.9
"""OKS with a higher-scoring person of the same picture above which a person is suppressed as a duplicate."""

Result = dict[str, Any]
"""One entry of COCO's results array: image_id, category_id, keypoints (flat x, y, score), score."""

BoxSource = dict[int, Detections] | PersonDetector
"""Image id -> boxes, or a detector that finds them in the picture."""


@dataclass(frozen=True)
class CocoFigures:
    """The ten figures of COCO's keypoint evaluation (-1 if no person has that size)."""

    ap: float
    ap50: float
    ap75: float
    ap_medium: float
    ap_large: float
    ar: float
    ar50: float
    ar75: float
    ar_medium: float
    ar_large: float

    def as_dict(self) -> dict[str, float]:
        """Return names and values, for records."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Scored:
    """One person's pose, with what the NMS and the results array need."""

    keypoints: FloatArray
    """(K, 2) image pixels."""
    scores: FloatArray
    """(K,)"""
    score: float
    area: float
    """Square pixels of the padded region that was cropped: the reference's area in its NMS."""


def predict(
    estimator: HeatmapEstimator,
    pictures: tuple[Picture, ...],
    boxes: BoxSource,
    *,
    batch: int = 32,
    on_picture: Callable[[], None] = lambda: None,
) -> list[Result]:
    """Return the people of all pictures, after OKS NMS, in COCO's results format.

    Args:
        estimator: the network with its skeleton, input size and flip setting.
        pictures: the pictures to process.
        boxes: the people's boxes, or a detector.
        batch: crops in one run of the network; pictures share runs.
        on_picture: called after each picture is read, for a progress bar.

    Raises:
        SourceError: a picture is invalid, or its size differs from that stated in its annotations.
    """
    people: dict[int, list[Scored]] = {}
    for owners, box_scores, crops in _batches(estimator.input_size, pictures, boxes, batch, on_picture):
        for image_id, person in zip(owners, _poses(estimator, crops, box_scores), strict=True):
            people.setdefault(image_id, []).append(person)
    sigmas = estimator.skeleton.sigmas
    return [
        result_entry(image_id, found[index])
        for image_id, found in people.items()
        for index in oks_nms(found, sigmas)
    ]


def score(results: list[Result], coco: CocoSet, skeleton: Skeleton) -> CocoFigures:
    """Compute COCO's figures with pycocotools.

    Raises:
        UsageError: there is nothing to score.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    if not results:
        raise UsageError("No person was found in any picture, so there is nothing to score.")
    truth = COCO()
    truth.dataset = coco.document
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints to standard output
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(skeleton.sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return CocoFigures(*(float(value) for value in evaluation.stats))


def oks_nms(
    people: list[Scored], sigmas: tuple[float, ...], threshold: float = OKS_NMS_THRESHOLD
) -> list[int]:
    """Return the indices of the people to keep, highest score first.

    The similarity is the reference's: all joints count, and the area is the mean of both people's.
    """
    variances = (2 * np.asarray(sigmas, np.float64)) ** 2
    order = sorted(range(len(people)), key=lambda index: -people[index].score)
    keep: list[int] = []
    while order:
        first, *rest = order
        keep.append(first)
        best = people[first]
        order = []
        for index in rest:
            other = people[index]
            squared = ((other.keypoints.astype(np.float64) - best.keypoints) ** 2).sum(axis=1)
            exponent = squared / variances / ((best.area + other.area) / 2 + np.spacing(1)) / 2
            if np.exp(-exponent).mean() <= threshold:
                order.append(index)
    return keep


def _batches(
    input_size: tuple[int, int],
    pictures: tuple[Picture, ...],
    boxes: BoxSource,
    batch: int,
    on_picture: Callable[[], None],
) -> Iterator[tuple[list[int], list[float], CropBatch]]:
    """Yield image ids, box scores and crops of many pictures, at least `batch` at a time but for the last."""
    owners: list[int] = []
    scores: list[float] = []
    parts: list[CropBatch] = []
    for index, picture in enumerate(pictures):
        known = boxes.get(picture.id, Detections.empty()) if isinstance(boxes, dict) else None
        if known is None or len(known):
            image = read_picture(picture.path)
            check_size(picture, (image.shape[1], image.shape[0]))
            detections = known if known is not None else _detect(boxes, image, index)
            for start in range(0, len(detections), batch):
                part = Detections(
                    detections.boxes_xyxy[start : start + batch], detections.scores[start : start + batch]
                )
                parts.append(crop_people(image, part, input_size))
                owners += [picture.id] * len(part)
                scores += [float(value) for value in part.scores]
                if len(owners) >= batch:
                    yield owners, scores, _joined(parts)
                    owners, scores, parts = [], [], []
        on_picture()
    if owners:
        yield owners, scores, _joined(parts)


def _detect(boxes: BoxSource, image: ImageArray, index: int) -> Detections:
    assert not isinstance(boxes, dict)
    return boxes.detect(Frame(image, index, float(index)))


def _joined(parts: list[CropBatch]) -> CropBatch:
    return CropBatch(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.centers for part in parts]),
        np.concatenate([part.scales for part in parts]),
    )


def _poses(estimator: HeatmapEstimator, crops: CropBatch, box_scores: list[float]) -> Iterator[Scored]:
    keypoints, scores = estimator.locate(crops)
    # The reference omits no joint: where the heatmap's maximum is <= 0 it returns the heatmap position
    # (-1, -1), which is one output stride above and left of the crop.
    stride = np.array([[[-4.0, -4.0]]], np.float32)
    nowhere = crop_to_image(
        np.repeat(stride, len(crops), 0), crops.centers, crops.scales, estimator.input_size
    )
    keypoints = np.where(np.isnan(keypoints), nowhere, keypoints)
    for index, box_score in enumerate(box_scores):
        yield Scored(
            keypoints[index],
            scores[index],
            instance_score(box_score, scores[index]),
            float(crops.scales[index].prod()),
        )


def result_entry(image_id: int, person: Scored) -> Result:
    """Return one entry of COCO's results array."""
    flat = np.concatenate([person.keypoints, person.scores[:, None]], axis=1).reshape(-1)
    return {
        "image_id": image_id,
        "category_id": PERSON_CATEGORY,
        "keypoints": [round(float(value), 4) for value in flat],
        "score": person.score if math.isfinite(person.score) else 0.0,
    }
