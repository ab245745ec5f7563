from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shufflecam.core.errors import SourceError
from shufflecam.core.types import Detections, Frame
from shufflecam.evaluate.annotations import CocoSet, read_coco
from shufflecam.evaluate.detector import predict, score
from tests.helpers.annotated import write_set

LARGE = [10.0, 20.0, 100.0, 120.0]
MEDIUM = [120.0, 20.0, 40.0, 60.0]
SMALL = [10.0, 200.0, 20.0, 30.0]


def person(number: int, image_id: int, box: list[float], **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": image_id, "category_id": 1, "iscrowd": 0, "bbox": box, **more}


def the_set(folder: Path, *people: dict[str, Any]) -> CocoSet:
    return read_coco(write_set(folder, list(people), 1), folder, keypoints=None, boxes_only=True)


def found(box: list[float], value: float) -> dict[str, Any]:
    return {"image_id": 1, "category_id": 1, "bbox": box, "score": value}


def test_everybody_found_is_one(tmp_path: Path) -> None:
    coco = the_set(tmp_path, person(1, 1, LARGE), person(2, 1, MEDIUM), person(3, 1, SMALL))
    figures = score([found(LARGE, 0.9), found(MEDIUM, 0.8), found(SMALL, 0.7)], coco, 12.5)
    assert (figures.ap, figures.ap50, figures.ap50_large) == pytest.approx((1, 1, 1))
    recalls = (figures.recall50_small, figures.recall50_medium, figures.recall50_large)
    assert recalls == pytest.approx((1, 1, 1))
    assert figures.false_boxes == 0
    assert figures.milliseconds == 12.5


def test_sizes_are_those_of_the_boxes(tmp_path: Path) -> None:
    # The annotated areas, as of segments, would make everybody small.
    coco = the_set(tmp_path, person(1, 1, LARGE, area=100.0), person(2, 1, SMALL, area=100.0))
    figures = score([found(LARGE, 0.9)], coco)
    assert figures.recall50 == pytest.approx(0.5)
    assert (figures.recall50_large, figures.recall50_small) == pytest.approx((1, 0))
    assert figures.recall50_medium == -1  # nobody is of that size
    # 51 of 101 recall points are reached.
    assert figures.ap50 == pytest.approx(51 / 101)
    assert figures.ap50_large == pytest.approx(1)


def test_a_loose_box_counts_at_the_thresholds_that_it_passes(tmp_path: Path) -> None:
    x, y, w, h = LARGE
    coco = the_set(tmp_path, person(1, 1, LARGE))
    figures = score([found([x, y, w, h * 0.72], 0.9)], coco)  # IoU 0.72: 0.50 to 0.70 of ten thresholds
    assert figures.ap == pytest.approx(0.5)
    assert figures.ap50 == pytest.approx(1)


def test_sure_boxes_of_nobody_are_counted(tmp_path: Path) -> None:
    coco = the_set(tmp_path, person(1, 1, LARGE), person(2, 1, MEDIUM, iscrowd=1))
    boxes = [found(LARGE, 0.9), found(SMALL, 0.8), found(MEDIUM, 0.7), found([150, 200, 60, 50], 0.3)]
    assert score(boxes, coco).false_boxes == 1  # the crowd forgives one, the last is not sure


def test_nothing_found_scores_nothing(tmp_path: Path) -> None:
    figures = score([], the_set(tmp_path, person(1, 1, LARGE)))
    assert (figures.ap, figures.ap50, figures.recall50, figures.false_boxes) == (0, 0, 0, 0)


def test_predict_gives_boxes_as_coco_writes_them(tmp_path: Path) -> None:
    class Two:
        def detect(self, frame: Frame) -> Detections:
            assert frame.image.shape == (260, 240, 3)
            return Detections(
                np.array([[10, 20, 110, 140], [0, 0, 5, 6]], np.float32), np.array([0.9, 0.5], np.float32)
            )

    seen: list[int] = []
    coco = the_set(tmp_path, person(1, 1, LARGE))
    results, milliseconds = predict(Two(), coco.pictures, on_picture=lambda: seen.append(1))
    assert [entry["bbox"] for entry in results] == [[10, 20, 100, 120], [0, 0, 5, 6]]
    assert len(seen) == 1
    assert milliseconds >= 0
    assert score(results, coco).ap == pytest.approx(1)


def test_a_set_without_people_is_refused(tmp_path: Path) -> None:
    file = write_set(tmp_path, [], 1)
    with pytest.raises(SourceError, match="No person is annotated"):
        read_coco(file, tmp_path, keypoints=None, boxes_only=True)
    # People without keypoints serve a detector, and nobody else.
    file.write_text(json.dumps({**json.loads(file.read_text()), "annotations": [person(1, 1, LARGE)]}))
    assert read_coco(file, tmp_path, keypoints=None, boxes_only=True).annotations
    with pytest.raises(SourceError, match="keypoints"):
        read_coco(file, tmp_path)
