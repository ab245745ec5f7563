"""COCO keypoint annotations, read once and checked in full before anything is computed.

Boxes in these files are xywh: (x, y, width, height) in image pixels; keypoints are flat lists of
x, y, visibility (0 not annotated, 1 hidden, 2 visible).
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shufflecam.core.errors import SourceError, UsageError
from shufflecam.core.types import Detections

PERSON_CATEGORY = 1


@dataclass(frozen=True)
class Picture:
    """One picture of an annotation file."""

    id: int
    path: Path
    size: tuple[int, int] | None
    """(width, height) as the file states them; None where it does not."""


@dataclass(frozen=True)
class CocoSet:
    """An annotation file and the folder of its pictures."""

    file: Path
    pictures: tuple[Picture, ...]
    """Those that are on disk, in the file's order."""
    missing: tuple[str, ...]
    """File names of pictures that the annotations name and the folder lacks."""
    document: dict[str, Any]
    """The parsed file without the missing pictures and their people: what pycocotools scores against."""
    keypoint_names: tuple[str, ...]
    """The file's own names of the K keypoints; empty where it gives none."""

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """The people, one dictionary each, as in the file."""
        return list(self.document["annotations"])


def read_json(path: Path, what: str) -> Any:
    """The parsed file.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        UsageError: it is not JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(f"Cannot read the {what} {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The {what} {path} is not text; a JSON file is expected.") from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The {what} {path} is not JSON: {error}.") from error


def read_coco(
    file: Path,
    images: Path,
    *,
    keypoints: int | None = 17,
    allow_missing: bool = False,
    boxes_only: bool = False,
) -> CocoSet:
    """Read an annotation file and look for its pictures.

    Args:
        file: COCO keypoint annotations (`images`, `annotations`, `categories`).
        images: the folder with the pictures, by their `file_name`.
        keypoints: how many keypoints each person must have; None: whatever the file has, all alike.
        allow_missing: leave absent pictures out, with their people, instead of failing.
        boxes_only: people without keypoints count too, as for a detector.

    Raises:
        SourceError: the file or the folder cannot be read, pictures are missing, nothing is left.
        UsageError: the file is not what it should be; names the entry.
    """
    document = read_json(file, "annotation file")
    for key in ("images", "annotations"):
        if not isinstance(document, dict) or not isinstance(document.get(key), list):
            raise UsageError(f"The annotation file {file} has no list {key!r}; COCO's format is expected.")
    if not images.is_dir():
        raise SourceError(f"There is no folder {images}; name the folder with the pictures.")
    pictures = [_picture(entry, index, file, images) for index, entry in enumerate(document["images"])]
    known = {picture.id for picture in pictures}
    if len(known) != len(pictures):
        raise UsageError(f"Two images of {file} have the same id.")
    names = _keypoint_names(document)
    people = [
        _person(entry, index, file, known, keypoints or len(names) or None)
        for index, entry in enumerate(document["annotations"])
        if isinstance(entry, dict) and entry.get("category_id", PERSON_CATEGORY) == PERSON_CATEGORY
    ]
    there = [picture for picture in pictures if picture.path.is_file()]
    present = {picture.id for picture in there}
    missing = tuple(picture.path.name for picture in pictures if picture.id not in present)
    if missing and not allow_missing:
        raise SourceError(
            f"{len(missing)} of {len(pictures)} pictures of {file.name} are not in {images} (the first: "
            f"{missing[0]}); add them, or leave them out with --allow-missing."
        )
    if not there:
        raise SourceError(f"None of the {len(pictures)} pictures of {file.name} is in {images}.")
    kept = [person for person in people if person["image_id"] in present]
    if not kept:
        raise SourceError(f"No person is annotated in the pictures of {file}.")
    if not boxes_only and not any(person["num_keypoints"] > 0 for person in kept):
        raise SourceError(f"No person in {file} has keypoints; instance files without them do not serve.")
    reduced = {
        **document,
        "images": [entry for entry in document["images"] if entry["id"] in present],
        "annotations": kept,
        "categories": document.get("categories") or [{"id": PERSON_CATEGORY, "name": "person"}],
        "info": document.get("info") or {},
    }
    return CocoSet(file, tuple(there), missing, reduced, names)


def check_size(picture: Picture, size: tuple[int, int]) -> None:
    """Refuse a picture of another size than its annotations were made on.

    Raises:
        SourceError: the sizes differ.
    """
    if picture.size is not None and picture.size != size:
        stated = "x".join(map(str, picture.size))
        raise SourceError(
            f"{picture.path} is {size[0]}x{size[1]}, but its annotations say {stated}; "
            "use the original pictures, or annotations of these."
        )


def ground_truth_boxes(coco: CocoSet) -> dict[int, Detections]:
    """Image id -> the boxes of its annotated people with at least one keypoint; scores NaN (count as 1).

    Crowd regions are left out, as the reference does with ground-truth boxes.
    """
    boxes: dict[int, list[list[float]]] = {}
    for person in coco.document["annotations"]:
        if not person.get("iscrowd") and person["num_keypoints"] > 0:
            boxes.setdefault(person["image_id"], []).append(person["bbox"])
    return {key: _detections(value, [float("nan")] * len(value)) for key, value in boxes.items()}


def read_detections(path: Path, coco: CocoSet) -> dict[int, Detections]:
    """Image id -> boxes of a detection file in the published format.

    The format: `[{"image_id", "category_id", "bbox": [x, y, w, h], "score"}, ...]`. Boxes of other
    categories than persons and of pictures that are not in `coco` are left out.

    Raises:
        SourceError: the file cannot be read.
        UsageError: it is malformed; names the entry.
    """
    entries = read_json(path, "detection file")
    if not isinstance(entries, list):
        raise UsageError(f"The detection file {path} is not a list of boxes.")
    wanted = {picture.id for picture in coco.pictures}
    boxes: dict[int, list[list[float]]] = {}
    scores: dict[int, list[float]] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not {"image_id", "bbox", "score"} <= entry.keys():
            raise UsageError(f"Entry {index} of {path} lacks image_id, bbox or score.")
        _check_box(entry["bbox"], f"entry {index} of {path}")
        if not _is_number(entry["score"]):
            raise UsageError(f"The score of entry {index} of {path} is not a finite number.")
        if entry.get("category_id", PERSON_CATEGORY) == PERSON_CATEGORY and entry["image_id"] in wanted:
            boxes.setdefault(entry["image_id"], []).append(entry["bbox"])
            scores.setdefault(entry["image_id"], []).append(float(entry["score"]))
    if not boxes:
        raise UsageError(f"No box of {path} belongs to a picture of {coco.file.name}.")
    return {key: _detections(value, scores[key]) for key, value in boxes.items()}


def _detections(boxes_xywh: list[list[float]], scores: list[float]) -> Detections:
    boxes = np.array(boxes_xywh, np.float64)
    boxes[:, 2:] += boxes[:, :2]
    return Detections(boxes.astype(np.float32), np.array(scores, np.float32))


def _picture(entry: Any, index: int, file: Path, images: Path) -> Picture:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), int):
        raise UsageError(f"Image {index} of {file} has no whole number 'id'.")
    name = entry.get("file_name")
    if not isinstance(name, str) or not name:
        raise UsageError(f"Image {index} of {file} has no 'file_name'.")
    width, height = entry.get("width"), entry.get("height")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    return Picture(entry["id"], images / name, size)


def _person(
    entry: dict[str, Any], index: int, file: Path, known: set[int], keypoints: int | None
) -> dict[str, Any]:
    """The entry with `num_keypoints`, `area`, `iscrowd` and `id` filled in where the file has none."""
    where = f"annotation {index} of {file}"
    if entry.get("image_id") not in known:
        raise UsageError(f"The image_id of {where} is of no image in the file.")
    _check_box(entry.get("bbox"), where)
    points = entry.get("keypoints")
    if points is None:
        # A person of an instance file: nothing to find, but pycocotools wants the field.
        points = [0] * 3 * (keypoints or 17)
    if not isinstance(points, list) or not all(_is_number(value) for value in points):
        raise UsageError(f"The keypoints of {where} are not a list of finite numbers.")
    if len(points) % 3 or (keypoints is not None and len(points) != 3 * keypoints):
        expected = f"{keypoints} x 3" if keypoints else "a multiple of 3"
        raise UsageError(f"The keypoints of {where} are {len(points)} numbers; {expected} are expected.")
    visible = sum(value > 0 for value in points[2::3])
    return {
        "id": index + 1,
        "iscrowd": 0,
        # COCO's own ratio of a person's area to its box, where the file has no segmentation.
        "area": 0.53 * entry["bbox"][2] * entry["bbox"][3],
        **entry,
        "category_id": PERSON_CATEGORY,
        "keypoints": points,
        "num_keypoints": visible,
    }


def _keypoint_names(document: dict[str, Any]) -> tuple[str, ...]:
    categories = document.get("categories")
    for category in categories if isinstance(categories, list) else []:
        if isinstance(category, dict) and category.get("id", PERSON_CATEGORY) == PERSON_CATEGORY:
            names = category.get("keypoints")
            if isinstance(names, list) and all(isinstance(name, str) for name in names):
                return tuple(names)
    return ()


def _is_number(value: Any) -> bool:
    """JSON knows numbers too large for any float, which Python reads as integers: those are none here."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max


def _check_box(box: Any, where: str) -> None:
    if not isinstance(box, list) or len(box) != 4 or not all(_is_number(value) for value in box):
        raise UsageError(f"The bbox of {where} is not four finite numbers.")
    if box[2] <= 0 or box[3] <= 0:
        raise UsageError(f"The bbox of {where} has no size.")
