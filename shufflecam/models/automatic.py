"""What "auto" stands for: the best model that is on this machine."""

from __future__ import annotations

from shufflecam.core.errors import WeightsError
from shufflecam.models.catalogue import DEFAULT_PERSON, DEFAULT_POSE, locate, person_entry, pose_entry

AUTO = "auto"
"""The name that stands for the best model on this machine: see `auto_pose` and `auto_person`."""


AUTO_POSES = ("coco-256x192-2022", "coco-256x192", "coco-384x288-2022", "coco-384x288")
"""What `--model auto` takes before the embedded model, the first of these in the cache; with a preset for
accuracy the larger inputs come first."""


AUTO_PERSONS = ("yolo26n", "yolo11n", "yolov8n")
"""What `--detector auto` takes before the embedded detector: published nano detectors, as fast as ours."""


BEST = ("coco-256x192", "yolo26n")
"""What `models get best` fetches: better than what is embedded, and not too slow for a laptop."""


def auto_pose(*, large: bool = False) -> str:
    """Return the name that "auto" stands for as a pose model on this machine.

    Args:
        large: prefer the larger input, which is more accurate and takes twice the time.
    """
    names = (*AUTO_POSES[2:], *AUTO_POSES[:2]) if large else AUTO_POSES
    return next((name for name in names if locate(pose_entry(name)) is not None), DEFAULT_POSE)


def auto_person() -> str:
    """Return the name that "auto" stands for as a detector on this machine.

    Raises:
        WeightsError: there is no detector, not even the embedded one.
    """
    for name in (*AUTO_PERSONS, DEFAULT_PERSON):
        if locate(person_entry(name)) is not None:
            return name
    raise WeightsError(
        f"there is no person detector on this machine: fetch one (shufflecam models get {AUTO_PERSONS[0]}), "
        "or give --boxes FILE, or --detector none where one person fills the picture"
    )
