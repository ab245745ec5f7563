"""Reads COCO keypoint annotations and validates them in full before anything is computed.

Boxes in these files are xywh: (x, y, width, height) in image pixels; keypoints are flat lists of
x, y, visibility (0 not annotated, 1 hidden, 2 visible).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shufflecam.core.errors import SourceError, UsageError
from shufflecam.core.files import read_json
from shufflecam.core.types import Detections
from shufflecam.core.words import are, counted
from shufflecam.evaluate.entries import (
    AREA_OF_BOX,
    PERSON_CATEGORY,
    PersonEntries,
    check_box,
    is_number,
    is_person,
    keypoint_names,
    person_categories,
    read_people,
    read_pictures,
)
from shufflecam.evaluate.lookup import find_annotated

__all__ = [
    "PERSON_CATEGORY",
    "CocoSet",
    "Picture",
    "check_size",
    "ground_truth_boxes",
    "read_coco",
    "read_detections",
]


@dataclass(frozen=True)
class Picture:
    """One picture of an annotation file."""

    id: int
    path: Path
    size: tuple[int, int] | None
    """(width, height) as stated in the file; None if it states none."""


@dataclass(frozen=True)
class CocoSet:
    """An annotation file and the folder of its pictures."""

    file: Path
    pictures: tuple[Picture, ...]
    """Pictures found on disk, in the file's order."""
    missing: tuple[str, ...]
    """File names of annotated pictures that are not in the folder."""
    document: dict[str, Any]
    """Ground truth for pycocotools: the people of the pictures found, completed and renumbered."""
    keypoint_names: tuple[str, ...]
    """The file's own names of the K keypoints; empty if it has none."""
    person_categories: frozenset[str] = frozenset()
    """The file's category ids that denote people, as text."""
    category_id: int = PERSON_CATEGORY
    """The file's own category id of people, for results that other tools compare with the file."""
    notes: tuple[str, ...] = ()
    """One sentence for each thing that was omitted or not used as stated."""

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """The people, one annotation each."""
        return list(self.document["annotations"])

    def uncounted(self, *, keypoints: bool = True) -> str:
        """Return who does not count in COCO's evaluation: " (left out: 2 crowds, ...)", or ""."""
        crowds = sum(person["iscrowd"] for person in self.annotations)
        bare = sum(not (person["num_keypoints"] or person["iscrowd"]) for person in self.annotations)
        parts = [f"{crowds} crowd" + ("s" if crowds > 1 else "")] if crowds else []
        if keypoints and bare:
            parts.append(f"{bare} without keypoints")
        return f" (left out: {', '.join(parts)})" if parts else ""


def read_coco(
    file: Path,
    images: Path,
    *,
    keypoints: int | None = 17,
    allow_missing: bool = False,
    boxes_only: bool = False,
) -> CocoSet:
    """Read an annotation file and locate its pictures.

    Args:
        file: COCO keypoint annotations (`images`, `annotations`, `categories`).
        images: the folder with the pictures, by their `file_name`.
        keypoints: number of keypoints required of each person; None: as many as the file names, else any.
        allow_missing: omit absent pictures, with their people, instead of failing.
        boxes_only: accept a file whose people have no keypoints, as for a detector.

    Raises:
        SourceError: the file or the folder cannot be read, pictures are missing, or nothing is left.
        UsageError: the file is invalid; names the entry.
    """
    document = read_json(file, "annotation file")
    for key in ("images", "annotations"):
        if not isinstance(document, dict) or not isinstance(document.get(key), list):
            raise UsageError(f"The annotation file {file} has no list {key!r}; COCO's format is expected.")
    if not images.is_dir():
        raise SourceError(f"There is no folder {images}; name the folder with the pictures.")
    entries = read_pictures(document["images"], file)
    found = find_annotated((entry.name for entry in entries), images)
    people = read_people(document, file, {entry.id for entry in entries}, _joints(document, file, keypoints))
    there = [
        Picture(entry.id, found.paths[entry.name], entry.size)
        for entry in entries
        if entry.name in found.paths
    ]
    missing = tuple(entry.name for entry in entries if entry.name not in found.paths)
    if missing and not allow_missing:
        raise SourceError(
            f"{len(missing)} of {counted(len(entries), 'picture')} of {file.name} {are(len(missing))} not in "
            f"{images} (the first: {missing[0]}); add them, or leave them out with --allow-missing."
        )
    if not there:
        raise SourceError(f"None of {counted(len(entries), 'picture')} of {file.name} is in {images}.")
    present = {picture.id for picture in there}
    kept = [person for person in people.kept if person["image_id"] in present]
    if not kept:
        why = f"; {people.no_such_category} is none of its categories" if people.no_such_category else ""
        raise SourceError(f"No person is annotated in the pictures of {file}{why}.")
    if not boxes_only and not any(person["num_keypoints"] > 0 for person in kept):
        raise SourceError(f"No person in {file} has keypoints; instance files without them do not serve.")
    reduced = {
        **document,
        "images": [entry for entry in document["images"] if entry["id"] in present],
        "annotations": kept,
        "categories": [{"id": PERSON_CATEGORY, "name": "person"}],
        "info": document.get("info") or {},
    }
    notes = [found.note(file.name), *_notes(people, file.name, len(people.kept) - len(kept), boxes_only)]
    categories = person_categories(document, file)
    return CocoSet(
        file,
        tuple(there),
        missing,
        reduced,
        keypoint_names(document, categories),
        frozenset(categories),
        people.category_id,
        tuple(note for note in notes if note),
    )


def _joints(document: dict[str, Any], file: Path, wanted: int | None) -> int | None:
    """Return the number of keypoints of each person: `wanted`, else as many as the file names, else None."""
    return wanted or len(keypoint_names(document, person_categories(document, file))) or None


def _notes(people: PersonEntries, name: str, gone: int, boxes_only: bool) -> list[str]:
    notes = []
    if others := people.of_other_categories:
        which = f", the first {people.no_such_category}" if people.no_such_category else ""
        notes.append(f"left out of {name}: {others} of other categories{which}")
    if gone:
        notes.append(f"left out of {name}: {counted(gone, 'person')} with their pictures, which are missing")
    if people.without_area and not boxes_only:
        what = f"{AREA_OF_BOX} of their boxes' is taken, COCO's own mean"
        have = "has" if people.without_area == 1 else "have"
        notes.append(f"{counted(people.without_area, 'person')} of {name} {have} no area; {what}")
    return notes


def check_size(picture: Picture, size: tuple[int, int]) -> None:
    """Reject a picture whose size differs from that stated in its annotations.

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
    """Return image id -> boxes of the annotated people with at least one keypoint; scores NaN (count as 1).

    Crowd regions are omitted, as in the reference with ground-truth boxes.
    """
    boxes: dict[int, list[list[float]]] = {}
    for person in coco.document["annotations"]:
        if not person.get("iscrowd") and person["num_keypoints"] > 0:
            boxes.setdefault(person["image_id"], []).append(person["bbox"])
    return {key: _detections(value, [float("nan")] * len(value)) for key, value in boxes.items()}


def read_detections(
    path: Path, coco: CocoSet, on_left_out: Callable[[str], None] = lambda sentence: None
) -> dict[int, Detections]:
    """Return image id -> boxes of a detection file in the published format.

    The format: `[{"image_id", "category_id", "bbox": [x, y, w, h], "score"}, ...]`. Boxes of categories
    other than people and of pictures that are not in `coco` are omitted.

    Args:
        path: the file.
        coco: the pictures to consider.
        on_left_out: called with a sentence on how many boxes were omitted.

    Raises:
        SourceError: the file cannot be read.
        UsageError: it is invalid; names the entry.
    """
    entries = read_json(path, "detection file")
    if not isinstance(entries, list):
        raise UsageError(f"The detection file {path} is not a list of boxes.")
    wanted = {picture.id for picture in coco.pictures}
    people = set(coco.person_categories)
    boxes: dict[int, list[list[float]]] = {}
    scores: dict[int, list[float]] = {}
    others = elsewhere = 0
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict) or not {"image_id", "bbox", "score"} <= entry.keys():
            raise UsageError(f"Entry {index} of {path} lacks image_id, bbox or score.")
        check_box(entry["bbox"], f"entry {index} of {path}")
        if not is_number(entry["score"]):
            raise UsageError(f"The score of entry {index} of {path} is not a finite number.")
        if not isinstance(entry["image_id"], int):
            raise UsageError(f"The image_id of entry {index} of {path} is not a whole number.")
        if not is_person(entry, people):
            others += 1
        elif entry["image_id"] not in wanted:
            elsewhere += 1
        else:
            boxes.setdefault(entry["image_id"], []).append(entry["bbox"])
            scores.setdefault(entry["image_id"], []).append(float(entry["score"]))
    if not boxes:
        raise UsageError(f"No box of {path} belongs to a picture of {coco.file.name}.")
    every = counted(len(entries), "box")
    if others:
        on_left_out(f"{others} of {every} of {path} {are(others)} of other categories: left out")
    if elsewhere:
        on_left_out(f"{elsewhere} of {every} of {path} {are(elsewhere)} of other pictures: left out")
    return {key: _detections(value, scores[key]) for key, value in boxes.items()}


def _detections(boxes_xywh: list[list[float]], scores: list[float]) -> Detections:
    boxes = np.array(boxes_xywh, np.float64)
    boxes[:, 2:] += boxes[:, :2]
    return Detections(boxes.astype(np.float32), np.array(scores, np.float32))
