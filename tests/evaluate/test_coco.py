from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shufflecam.core.errors import SourceError, UsageError
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import Detections
from shufflecam.evaluate.annotations import CocoSet, ground_truth_boxes, read_coco, read_detections
from shufflecam.evaluate.coco import predict, score
from shufflecam.pose.estimator import HeatmapEstimator
from tests.helpers.annotated import BOX, Oracle, annotation, person_keypoints, write_set

CORNERS = [BOX[0], BOX[1], BOX[0] + BOX[2], BOX[1] + BOX[3]]


def two_people(folder: Path) -> CocoSet:
    people = [annotation(1, 1, person_keypoints()), annotation(2, 2, person_keypoints())]
    return read_coco(write_set(folder, people, 2), folder)


def result(image_id: int, offset: np.ndarray | float, value: float) -> dict[str, object]:
    points = person_keypoints() + offset
    flat = [float(v) for x, y in points for v in (x, y, 1)]
    return {"image_id": image_id, "category_id": 1, "keypoints": flat, "score": value}


def shift_for(oks: float) -> np.ndarray:
    """(17, 1) pixels to the right that leave each joint this similar."""
    area = BOX[2] * BOX[3] * 0.53
    sigmas = np.array(COCO_17.sigmas)
    distance = np.sqrt(-2 * area * (2 * sigmas) ** 2 * np.log(oks))
    return np.stack([distance, 0 * distance], axis=1)


def test_the_truth_itself_scores_one(tmp_path: Path) -> None:
    figures = score([result(1, 0, 0.9), result(2, 0, 0.8)], two_people(tmp_path), COCO_17)
    assert figures.ap == pytest.approx(1)
    assert figures.ar == pytest.approx(1)
    assert figures.ap_large == pytest.approx(-1)  # nobody is that large
    assert figures.ap_medium == pytest.approx(1)


def test_an_oks_of_072_passes_five_of_ten_thresholds(tmp_path: Path) -> None:
    shift = shift_for(0.72)
    figures = score([result(1, shift, 0.9), result(2, shift, 0.8)], two_people(tmp_path), COCO_17)
    assert figures.ap == pytest.approx(0.5)
    assert (figures.ap50, figures.ap75) == pytest.approx((1, 0))


def test_one_of_two_found_is_51_of_101_recall_points(tmp_path: Path) -> None:
    figures = score([result(1, 0, 0.9), result(2, 80, 0.8)], two_people(tmp_path), COCO_17)
    assert figures.ap == pytest.approx(51 / 101)
    # The miss surer than the hit: the hit comes at precision 1/2.
    figures = score([result(1, 0, 0.8), result(2, 80, 0.9)], two_people(tmp_path), COCO_17)
    assert figures.ap == pytest.approx(0.5 * 51 / 101)


def test_predictions_come_out_where_the_heatmaps_say_with_the_reference_score(tmp_path: Path) -> None:
    data = two_people(tmp_path)
    answers = [person_keypoints(), person_keypoints(3)]
    oracle = Oracle(CORNERS, answers, [0.9, 0.5])
    estimator = HeatmapEstimator(oracle, COCO_17, (192, 256))
    boxes = {1: _boxes(0.5), 2: _boxes(float("nan"))}
    found = predict(estimator, data.pictures, boxes, batch=8)
    assert [entry["image_id"] for entry in found] == [1, 2]
    assert oracle.batches == [2]  # both pictures shared one run
    for entry, answer in zip(found, answers, strict=True):
        keypoints = np.array(entry["keypoints"]).reshape(17, 3)
        assert np.abs(keypoints[:, :2] - answer).max() < 2.5  # quarter-pixel decoding of a 1.25 padded box
    peaks = [np.array(entry["keypoints"]).reshape(17, 3)[:, 2].mean() for entry in found]
    assert found[0]["score"] == pytest.approx(0.5 * peaks[0], rel=1e-4)
    assert found[1]["score"] == pytest.approx(peaks[1], rel=1e-4)


def test_the_same_person_twice_is_kept_once_the_surer_one(tmp_path: Path) -> None:
    data = two_people(tmp_path)
    boxes = {
        1: Detections(
            np.array([CORNERS, CORNERS, CORNERS], np.float32), np.array([0.4, 0.8, 0.6], np.float32)
        )
    }
    answers = [person_keypoints(), person_keypoints(), person_keypoints(20)]
    estimator = HeatmapEstimator(Oracle(CORNERS, answers, [1, 1, 1]), COCO_17, (192, 256))
    found = predict(estimator, data.pictures, boxes, batch=2)
    assert [entry["score"] > 0.7 for entry in found] == [True, False]
    assert len(found) == 2  # the far one stays


def test_memory_is_bounded_by_the_batch(tmp_path: Path) -> None:
    people = [annotation(number, number, person_keypoints()) for number in range(1, 12)]
    data = read_coco(write_set(tmp_path, people, 11), tmp_path)
    oracle = Oracle(CORNERS, [person_keypoints()] * 11, [1.0] * 11)
    seen = []
    predict(
        HeatmapEstimator(oracle, COCO_17, (192, 256)),
        data.pictures,
        ground_truth_boxes(data),
        batch=4,
        on_picture=lambda: seen.append(1),
    )
    assert oracle.batches == [4, 4, 3]
    assert len(seen) == 11


def test_a_silent_heatmap_is_said_to_be_off_the_crop(tmp_path: Path) -> None:
    data = two_people(tmp_path)
    estimator = HeatmapEstimator(Oracle(CORNERS, [person_keypoints()] * 2, [0.0, 1.0]), COCO_17, (192, 256))
    found = predict(estimator, data.pictures, ground_truth_boxes(data))
    silent = next(entry for entry in found if entry["score"] == 0)
    # Crop (-4, -4): the region is 1.25 x 180 px high, so a crop pixel is 225 / 256 px.
    pixel = 1.25 * BOX[3] / 256
    corner = np.array([BOX[0] + BOX[2] / 2 - 96 * pixel, BOX[1] + BOX[3] / 2 - 128 * pixel]) - 4 * pixel
    assert np.array(silent["keypoints"]).reshape(17, 3)[:, :2] == pytest.approx(
        np.tile(corner, (17, 1)), abs=1e-3
    )


def test_the_published_detection_format(tmp_path: Path) -> None:
    data = two_people(tmp_path)
    entries = [
        {"image_id": 1, "category_id": 1, "bbox": BOX, "score": 0.7},
        {"image_id": 1, "category_id": 3, "bbox": BOX, "score": 0.9},
        {"image_id": 77, "category_id": 1, "bbox": BOX, "score": 0.9},
    ]
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps(entries))
    boxes = read_detections(file, data)
    assert list(boxes) == [1]
    assert boxes[1].boxes_xyxy.tolist() == [CORNERS]
    assert boxes[1].scores.tolist() == pytest.approx([0.7])


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"image_id": 1, "bbox": [0, 0, 5], "score": 1}, "four finite numbers"),
        ({"image_id": 1, "bbox": [0, 0, 0, 5], "score": 1}, "no size"),
        ({"image_id": 1, "bbox": [0, 0, 5, 5]}, "lacks"),
        ({"image_id": 1, "bbox": [0, 0, 5, 5], "score": None}, "score of entry 0"),
        ({"image_id": 9, "bbox": [0, 0, 5, 5], "score": 1}, "No box"),
    ],
)
def test_bad_detections_are_named(tmp_path: Path, entry: dict[str, object], says: str) -> None:
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps([entry]))
    with pytest.raises(UsageError, match=says):
        read_detections(file, two_people(tmp_path))


def test_missing_pictures_are_an_error_unless_allowed(tmp_path: Path) -> None:
    people = [annotation(1, 1, person_keypoints()), annotation(2, 2, person_keypoints())]
    file = write_set(tmp_path, people, 2)
    (tmp_path / "002.png").unlink()
    with pytest.raises(SourceError, match=r"1 of 2 pictures.*002\.png"):
        read_coco(file, tmp_path)
    data = read_coco(file, tmp_path, allow_missing=True)
    assert data.missing == ("002.png",)
    assert [entry["image_id"] for entry in data.annotations] == [1]
    assert score([result(1, 0, 1)], data, COCO_17).ap == pytest.approx(1)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    file = write_set(tmp_path, [annotation(1, 1, person_keypoints())], 1)
    document = json.loads(file.read_text())
    document["images"][0]["width"] = 999
    file.write_text(json.dumps(document))
    data = read_coco(file, tmp_path)
    estimator = HeatmapEstimator(Oracle(CORNERS, [person_keypoints()], [1]), COCO_17, (192, 256))
    with pytest.raises(SourceError, match=r"240x260.*999x260"):
        predict(estimator, data.pictures, ground_truth_boxes(data))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"keypoints": [1, 2, 3]}, UsageError, "17 x 3"),
        ({"keypoints": [None] * 51}, UsageError, "finite numbers"),
        ({"keypoints": None, "num_keypoints": 0}, SourceError, "No person"),
        ({"image_id": 5}, UsageError, "no image"),
        ({"bbox": [1, 2, 3, -4]}, UsageError, "no size"),
    ],
)
def test_bad_annotations_are_named(
    tmp_path: Path, change: dict[str, object], error: type[Exception], says: str
) -> None:
    file = write_set(tmp_path, [{**annotation(1, 1, person_keypoints()), **change}], 1)
    with pytest.raises(error, match=says):
        read_coco(file, tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"images": []}', "\xff"])
def test_files_that_are_no_annotations(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"a\.json"):
        read_coco(file, tmp_path)


def test_nothing_found_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No person was found"):
        score([], two_people(tmp_path), COCO_17)


def _boxes(value: float) -> Detections:
    return Detections(np.array([CORNERS], np.float32), np.array([value], np.float32))
