"""Validates and completes the entries of a COCO annotation file; errors name the entry's number.

Files written by other tools or by hand omit what COCO's own always have (ids, areas), start their ids at 0 or
repeat them, and use an arbitrary category id for people. pycocotools accepts all of that and returns wrong
figures, so none of it reaches pycocotools.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shufflecam.core.errors import UsageError

PERSON_CATEGORY = 1
"""Category id of people in everything passed to pycocotools, and in results."""

AREA_OF_BOX = 0.53
"""COCO's mean ratio of a person's area to their box, for files without segmentation."""

_LARGEST_ID = 1 << 63
_PERSON_NAMES = ("person", "people", "human", "pedestrian")


@dataclass(frozen=True)
class PictureEntry:
    """One entry of `images`."""

    id: int
    name: str
    """`file_name` as stated."""
    size: tuple[int, int] | None
    """(width, height) if the file states both."""


@dataclass
class PersonEntries:
    """The people of `annotations`, and a summary of the other entries."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    """With `id` (unique, from 1), `area`, `iscrowd`, `keypoints` and `num_keypoints`."""
    category_id: int = PERSON_CATEGORY
    """That of the first person, if it is an integer."""
    of_other_categories: int = 0
    without_area: int = 0
    """Number of people whose area was estimated from their box."""
    no_such_category: str | None = None
    """Description of the first entry whose category the file does not define."""


def read_pictures(entries: list[Any], file: Path) -> list[PictureEntry]:
    """Return all entries of `images`.

    Raises:
        UsageError: an entry is invalid, or two have the same id.
    """
    pictures = [_picture(entry, index, file) for index, entry in enumerate(entries)]
    first: dict[int, int] = {}
    for index, picture in enumerate(pictures):
        before = first.setdefault(picture.id, index)
        if before != index:
            raise UsageError(
                f"Two images of {file} have the same id {picture.id} (entries {before} and {index}); "
                "give each its own, so that their people can be told apart."
            )
    return pictures


def read_people(
    document: dict[str, Any], file: Path, known: set[int], keypoints: int | None
) -> PersonEntries:
    """Return the people of `annotations`.

    Args:
        document: the parsed file.
        file: its path, for messages.
        known: the ids of its images.
        keypoints: number required of each person; None: any.

    Raises:
        UsageError: an entry is invalid; names it.
    """
    categories = _categories(document)
    people = person_categories(document, file)
    found = PersonEntries()
    for index, entry in enumerate(document["annotations"]):
        where = f"annotation {index} of {file}"
        if not isinstance(entry, dict):
            raise UsageError(f"The {where} is no object; COCO's format is expected.")
        category = _key(entry.get("category_id", PERSON_CATEGORY))
        if "category_id" in entry and category not in people:
            found.of_other_categories += 1
            if categories and category not in {_key(one.get("id")) for one in categories}:
                found.no_such_category = found.no_such_category or f"the category_id {category} of {where}"
            continue
        person = _person(entry, where, known, keypoints)
        found.without_area += not _is_area(entry.get("area"))
        if not found.kept and isinstance(entry.get("category_id"), int):
            found.category_id = int(entry["category_id"])
        found.kept.append({**person, "id": len(found.kept) + 1})
    return found


def person_categories(document: dict[str, Any], file: Path) -> set[str]:
    """Return the category ids (as text) of people: by name, else the only one, else the only with keypoints.

    Raises:
        UsageError: there are several, and none of them denotes people.
    """
    categories = _categories(document)
    if not categories:
        used = {
            _key(e["category_id"])
            for e in document["annotations"]
            if isinstance(e, dict) and "category_id" in e
        }
        return used if len(used) == 1 else {str(PERSON_CATEGORY)}
    names = {_key(one.get("id")): str(one.get("name", "")).strip().casefold() for one in categories}
    for wanted in (_PERSON_NAMES[:1], _PERSON_NAMES):
        if people := {key for key, name in names.items() if name in wanted}:
            return people
    with_joints = {_key(one.get("id")) for one in categories if one.get("keypoints")}
    for only in (set(names), with_joints):
        if len(only) == 1:
            return only
    raise UsageError(
        f"None of the categories of {file} is called person (it has {', '.join(names.values())}); "
        "call that of the people so."
    )


def keypoint_names(document: dict[str, Any], people: set[str]) -> tuple[str, ...]:
    """Return the file's own names of people's keypoints; empty if it has none."""
    for category in _categories(document):
        names = category.get("keypoints")
        if _key(category.get("id", PERSON_CATEGORY)) not in people or not isinstance(names, list):
            continue
        if all(isinstance(name, str) for name in names):
            return tuple(names)
    return ()


def is_person(entry: dict[str, Any], people: set[str]) -> bool:
    """Whether a detection is of a person: by COCO's id, by one of `people`, or because it has no category."""
    return _key(entry.get("category_id", PERSON_CATEGORY)) in people | {str(PERSON_CATEGORY)}


def is_number(value: Any) -> bool:
    """Whether a value is a number within a float's range: JSON allows larger ones, read as Python ints."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max


def check_box(box: Any, where: str) -> None:
    """Raise UsageError if `box` is not (x, y, width, height) with a positive size."""
    if not isinstance(box, list) or len(box) != 4 or not all(is_number(value) for value in box):
        raise UsageError(f"The bbox of {where} is not four finite numbers.")
    if box[2] <= 0 or box[3] <= 0:
        raise UsageError(f"The bbox of {where} has no size.")


def _picture(entry: Any, index: int, file: Path) -> PictureEntry:
    number = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) >= _LARGEST_ID:
        raise UsageError(f"Image {index} of {file} has no whole number 'id' (of 63 bits at most).")
    name = entry.get("file_name")
    if not isinstance(name, str) or not name:
        raise UsageError(f"Image {index} of {file} has no 'file_name'.")
    width, height = entry.get("width"), entry.get("height")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    return PictureEntry(number, name, size)


def _person(entry: dict[str, Any], where: str, known: set[int], keypoints: int | None) -> dict[str, Any]:
    """Return the validated entry with everything that pycocotools needs except its id."""
    image_id = entry.get("image_id")
    if not isinstance(image_id, int) or image_id not in known:
        raise UsageError(f"The image_id {image_id!r} of {where} is of no image in the file.")
    check_box(entry.get("bbox"), where)
    points = entry.get("keypoints")
    if points is None:
        # A person of an instance file: no keypoints, but pycocotools requires the field.
        points = [0] * 3 * (keypoints or 17)
    if not isinstance(points, list) or not all(is_number(value) for value in points):
        raise UsageError(f"The keypoints of {where} are not a list of finite numbers.")
    if len(points) % 3 or (keypoints is not None and len(points) != 3 * keypoints):
        expected = f"{keypoints} x 3" if keypoints else "a multiple of 3"
        raise UsageError(f"The keypoints of {where} are {len(points)} numbers; {expected} are expected.")
    crowd = entry.get("iscrowd") or 0
    if crowd not in (0, 1):
        raise UsageError(f"The iscrowd of {where} is {crowd!r}; 0 or 1 is expected.")
    width, height = entry["bbox"][2:]
    area = entry.get("area")
    return {
        **entry,
        "iscrowd": int(crowd),
        "area": area if _is_area(area) else AREA_OF_BOX * width * height,
        "category_id": PERSON_CATEGORY,
        "keypoints": points,
        "num_keypoints": sum(value > 0 for value in points[2::3]),
    }


def _is_area(value: Any) -> bool:
    return is_number(value) and value > 0


def _categories(document: dict[str, Any]) -> list[dict[str, Any]]:
    categories = document.get("categories")
    return [one for one in categories if isinstance(one, dict)] if isinstance(categories, list) else []


def _key(value: Any) -> str:
    """Return a category id as text, so that 1, 1.0 and "1" are equal."""
    whole = isinstance(value, float) and math.isfinite(value) and value.is_integer()
    return str(int(value) if whole else value).strip()


def image_ids_of(annotations: Path) -> dict[str, int]:
    """Return file name -> image_id of a COCO annotation file."""
    from shufflecam.core.files import read_json
    from shufflecam.evaluate.entries import read_pictures

    document = read_json(annotations, "annotation file")
    images = document.get("images") if isinstance(document, dict) else None
    if not isinstance(images, list):
        raise UsageError(f"{annotations} has no list 'images'; COCO's annotations are expected.")
    return {picture.name: picture.id for picture in read_pictures(images, annotations)}
