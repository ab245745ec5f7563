"""Annotation files as people's own tools make them: the figures stay what they are, or the entry is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shufflecam.core.errors import ShufflecamError, SourceError, UsageError
from shufflecam.core.skeleton import COCO_17
from shufflecam.evaluate.annotations import CocoSet, ground_truth_boxes, read_coco, read_detections
from shufflecam.evaluate.coco import predict, score
from shufflecam.pose.estimator import HeatmapEstimator
from tests.helpers.annotated import BOX, Oracle, annotation, person_keypoints, write_set

CORNERS = [BOX[0], BOX[1], BOX[0] + BOX[2], BOX[1] + BOX[3]]

Change = Callable[[dict[str, Any]], None]


def each(**changes: Any) -> Change:
    """Every annotation with these values; `...` takes one away; a function gets the number."""

    def change(document: dict[str, Any]) -> None:
        for number, person in enumerate(document["annotations"]):
            for key, value in changes.items():
                if value is ...:
                    person.pop(key, None)
                else:
                    person[key] = value(number) if callable(value) else value

    return change


def categories(entries: Any, **changes: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["categories"] = entries
        each(**changes)(document)

    return change


def changed(folder: Path, change: Change, people: int = 4) -> CocoSet:
    file = write_set(folder, [annotation(i, i, person_keypoints()) for i in range(1, people + 1)], people)
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    return read_coco(file, folder)


def ap(data: CocoSet) -> float:
    """Of a network that is right about everybody but the first, whom it misses by far."""
    answers = [person_keypoints(40.0), *[person_keypoints()] * 3]
    estimator = HeatmapEstimator(Oracle(CORNERS, answers, [0.5, 0.9, 0.8, 0.7]), COCO_17, (192, 256))
    return score(predict(estimator, data.pictures, ground_truth_boxes(data)), data, COCO_17).ap


PERSON = {"id": 1, "name": "person"}


@pytest.mark.parametrize(
    "change",
    [
        each(id=1),
        each(id=lambda number: number),
        each(id=lambda number: -number),
        each(id=...),
        each(id="x"),
        each(iscrowd=...),
        each(iscrowd=None),
        each(num_keypoints=0),
        categories([{"id": 0, "name": "person"}], category_id=0),
        categories([{"id": 0, "name": "ball"}, {"id": 5, "name": " Person"}], category_id=5),
        categories([{"id": "5", "name": "person"}, {"id": 1, "name": "ball"}], category_id=5),
        categories([{"id": 3, "name": "dancer"}], category_id=3),
        categories(
            [{"id": 2, "name": "ball"}, {"id": 3, "name": "dancer", "keypoints": ["a"]}], category_id=3
        ),
        categories([], category_id=0),
        categories(None, category_id=...),
        categories([PERSON], category_id=...),
    ],
)
def test_the_figures_do_not_depend_on_how_a_file_counts(tmp_path: Path, change: Change) -> None:
    expected = ap(changed(tmp_path / "plain", lambda document: None))
    assert 0.5 < expected < 0.9
    data = changed(tmp_path / "other", change)
    assert len(data.annotations) == 4
    assert ap(data) == expected


@pytest.mark.parametrize("area", [..., None, 0, -5, "big"])
def test_a_person_without_area_has_that_of_their_box(tmp_path: Path, area: Any) -> None:
    data = changed(tmp_path, each(area=area))
    assert {person["area"] for person in data.annotations} == {0.53 * BOX[2] * BOX[3]}
    assert "4 people of people.json have no area" in data.notes[0]


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (each(category_id=3), SourceError, "category_id 3 of annotation 0 .* none of its categories"),
        (
            categories([{"id": 2, "name": "ball"}, {"id": 3, "name": "net"}], category_id=3),
            UsageError,
            r"called person \(it has ball, net\)",
        ),
        (each(iscrowd="no"), UsageError, "iscrowd of annotation 0"),
        (each(image_id=[1]), UsageError, r"image_id \[1\] of annotation 0"),
        (lambda d: d["images"][1].update(id=1), UsageError, r"same id 1 \(entries 0 and 1\)"),
        (lambda d: d["images"][1].update(id=1 << 63), UsageError, "Image 1 .*63 bits"),
        (lambda d: d["annotations"].append(5), UsageError, "annotation 4"),
    ],
)
def test_what_cannot_be_meant_names_the_entry(
    tmp_path: Path, change: Change, error: type[ShufflecamError], says: str
) -> None:
    with pytest.raises(error, match=says):
        changed(tmp_path, change)


def test_whoever_does_not_count_is_counted(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["categories"].append({"id": 2, "name": "dog"})
        for person, values in zip(
            document["annotations"],
            ({"iscrowd": 1}, {"keypoints": [0] * 51}, {"category_id": 2}),
            strict=False,
        ):
            person.update(values)

    data = changed(tmp_path, change)
    assert data.uncounted() == " (left out: 1 crowd, 1 without keypoints)"
    assert data.notes == ("left out of people.json: 1 of other categories",)
    boxes = tmp_path / "boxes.json"
    box = {"image_id": 2, "category_id": 1, "bbox": BOX, "score": 1}
    boxes.write_text(json.dumps([box, {**box, "category_id": 2}, {**box, "image_id": 77}]))
    said: list[str] = []
    assert read_detections(boxes, data, said.append).keys() == {2}
    assert [sentence.split(" of ")[0] for sentence in said] == ["1", "1"]


def test_results_have_the_files_own_number_of_people(tmp_path: Path) -> None:
    assert changed(tmp_path, categories([{"id": 0, "name": "person"}], category_id=0)).category_id == 0
