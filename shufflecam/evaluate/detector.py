"""Computes AP and recall of a person detector on annotated pictures, with COCO's own evaluation.

A person's size is the area of the annotated box in pixels of the picture, not COCO's segment area:
users know boxes, and many annotation files have nothing else.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from shufflecam.core.protocols import PersonDetector
from shufflecam.core.types import Frame
from shufflecam.evaluate.annotations import PERSON_CATEGORY, CocoSet, Picture, check_size
from shufflecam.sources.pictures.picture import read_picture

SIZES = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""Ranges of the box area in square pixels; the bounds are COCO's."""

MAX_PEOPLE = 100
"""Most boxes that count in one picture, as in COCO's evaluation."""

Result = dict[str, Any]
"""One entry of COCO's results array: image_id, category_id, bbox (x, y, width, height), score."""


@dataclass(frozen=True)
class DetectorFigures:
    """COCO's box figures for people; -1 if no person of that size is annotated."""

    ap: float
    """Mean over IoU 0.50 to 0.95."""
    ap50: float
    ap50_large: float
    """AP50 of people of at least 96x96 pixels; smaller ones are ignored."""
    recall50: float
    """Fraction of the annotated people matched by a box at IoU 0.5, at any score."""
    recall50_small: float
    recall50_medium: float
    recall50_large: float
    false_boxes: int
    """Boxes with a score above `SURE` that match no annotated person."""
    milliseconds: float
    """Median per picture: resize, network and suppression, without reading the file."""

    def as_dict(self) -> dict[str, float]:
        """Return names and values, for records."""
        return asdict(self)


SURE = 0.4
"""Default score threshold of shufflecam's boxes."""


def predict(
    detector: PersonDetector, pictures: tuple[Picture, ...], *, on_picture: Callable[[], None] = lambda: None
) -> tuple[list[Result], float]:
    """Return the detector's boxes of all pictures, and its median time per picture in milliseconds.

    Args:
        detector: finds people; with a low threshold, because AP needs low-scoring boxes too.
        pictures: processed one at a time: memory does not grow with their number.
        on_picture: called after each, for a progress bar.

    Raises:
        SourceError: a picture is invalid, or its size differs from that stated in its annotations.
    """
    results: list[Result] = []
    times = []
    for index, picture in enumerate(pictures):
        image = read_picture(picture.path)
        check_size(picture, (image.shape[1], image.shape[0]))
        frame = Frame(image, index, float(index))
        begin = time.perf_counter()
        found = detector.detect(frame)
        times.append(time.perf_counter() - begin)
        for (x1, y1, x2, y2), score in zip(found.boxes_xyxy.tolist(), found.scores.tolist(), strict=True):
            results.append(
                {
                    "image_id": picture.id,
                    "category_id": PERSON_CATEGORY,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "score": score,
                }
            )
        on_picture()
    return results, float(np.median(times)) * 1000


def score(results: list[Result], coco: CocoSet, milliseconds: float = float("nan")) -> DetectorFigures:
    """Compute the figures of a detector's boxes; a detector that found no people scores 0.

    Args:
        results: of `predict`.
        coco: the annotated people; `iscrowd` regions are ignored.
        milliseconds: of `predict`.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO()
    # A person's size is the area of the box.
    truth.dataset = {
        **coco.document,
        "annotations": [
            {**person, "area": person["bbox"][2] * person["bbox"][3]} for person in coco.annotations
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints to standard output
        truth.createIndex()
        found = truth.loadRes(results) if results else _nothing_found(coco)
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.areaRng = [list(bounds) for bounds in SIZES.values()]
        evaluation.params.areaRngLbl = list(SIZES)
        evaluation.params.maxDets = [1, 10, MAX_PEOPLE]
        evaluation.params.catIds = [PERSON_CATEGORY]
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    sizes = {name: number for number, name in enumerate(SIZES)}
    half = 0  # the first of COCO's IoU thresholds is 0.5
    return DetectorFigures(
        ap=_mean(precision[:, :, 0, sizes["all"], -1]),
        ap50=_mean(precision[half, :, 0, sizes["all"], -1]),
        ap50_large=_mean(precision[half, :, 0, sizes["large"], -1]),
        recall50=float(recall[half, 0, sizes["all"], -1]),
        recall50_small=float(recall[half, 0, sizes["small"], -1]),
        recall50_medium=float(recall[half, 0, sizes["medium"], -1]),
        recall50_large=float(recall[half, 0, sizes["large"], -1]),
        false_boxes=_false_boxes(evaluation),
        milliseconds=milliseconds,
    )


def _nothing_found(coco: CocoSet) -> Any:
    """Return a results object without boxes: pycocotools' own reader requires at least one."""
    from pycocotools.coco import COCO

    empty = COCO()
    empty.dataset = {**coco.document, "annotations": []}
    empty.createIndex()
    return empty


def _mean(values: Any) -> float:
    known = values[values > -1]
    return float(known.mean()) if known.size else -1.0


def _false_boxes(evaluation: Any) -> int:
    """Count the boxes above `SURE` that match no person at IoU 0.5 and are in no crowd, over all pictures."""
    count = 0
    # One entry per picture and size; the first size is "all".
    pictures = len(evaluation.params.imgIds)
    for entry in evaluation.evalImgs[:pictures]:
        if entry is None:
            continue
        sure = np.asarray(entry["dtScores"]) > SURE
        unmatched = (np.asarray(entry["dtMatches"])[0] == 0) & ~np.asarray(entry["dtIgnore"])[0].astype(bool)
        count += int((sure & unmatched).sum())
    return count
