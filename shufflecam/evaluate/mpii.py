"""Computes MPII PCKh exactly as the reference defines it.

A joint is correct if its distance to the annotation is at most half the head size (0.6 x the head box's
diagonal). Pelvis and thorax are excluded from the mean, which weights each joint by how often it is
visible. Annotations are 1-based: 1 is added to predictions before comparing.
Source: the OpenMMLab evaluation of MPII, after the MPII authors' own script.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from shufflecam.core.errors import SourceError, UsageError
from shufflecam.core.types import CropBatch, FloatArray
from shufflecam.core.words import are, counted
from shufflecam.evaluate.lookup import find_annotated
from shufflecam.evaluate.mpii_files import CENTER_SHIFT, JOINTS, PADDING, MpiiPeople
from shufflecam.pose.crops import normalize, warp_crop
from shufflecam.pose.estimator import HeatmapEstimator
from shufflecam.sources.pictures.picture import read_picture

THRESHOLD = 0.5
STRICT_THRESHOLD = 0.1

JOINT_GROUPS: dict[str, tuple[int, ...]] = {
    "head": (9,),
    "shoulder": (12, 13),
    "elbow": (11, 14),
    "wrist": (10, 15),
    "hip": (2, 3),
    "knee": (1, 4),
    "ankle": (0, 5),
}
"""As in the published table: the plain mean of both sides; the head is its top."""

LEFT_OUT = (6, 7)
"""Pelvis and thorax, excluded from the mean."""


SCALE_PX = 200
"""MPII's scale is the person's height over 200 px."""


@dataclass(frozen=True)
class MpiiFigures:
    """PCKh in 0..1; NaN for a group without visible joints."""

    groups: dict[str, float]
    mean: float
    mean_strict: float
    """At threshold 0.1."""


def predict(
    estimator: HeatmapEstimator,
    people: MpiiPeople,
    images: Path,
    *,
    batch: int = 32,
    on_person: Callable[[], None] = lambda: None,
) -> FloatArray:
    """Return (N, 16, 2) keypoints in 0-based pixels; that of an empty heatmap is at its position (-1, -1).

    Raises:
        SourceError: a picture is missing or invalid.
    """
    width, height = estimator.input_size
    found = np.zeros((len(people), JOINTS, 2), np.float32)
    centers, scales = _regions(people)
    last: tuple[str, Any] = ("", None)
    for start in range(0, len(people), batch):
        rows = range(start, min(start + batch, len(people)))
        inputs = np.empty((len(rows), 3, height, width), np.float32)
        for place, row in enumerate(rows):
            if people.images[row] != last[0]:
                last = (people.images[row], read_picture(images / people.images[row]))
            normalize(warp_crop(last[1], centers[row], scales[row], (width, height)), inputs[place])
            on_person()
        crops = CropBatch(inputs, centers[rows.start : rows.stop], scales[rows.start : rows.stop])
        keypoints, _ = estimator.locate(crops)
        nowhere = crops.centers + (np.float32(-4.0 / width) - np.float32(0.5)) * crops.scales
        found[rows.start : rows.stop] = np.where(np.isnan(keypoints), nowhere[:, None], keypoints)
    return found


def score(keypoints: FloatArray, people: MpiiPeople) -> MpiiFigures:
    """Compute PCKh of (N, 16, 2) keypoints in 0-based pixels. Raises UsageError without visible joints."""
    visible = people.visible > 0
    heads = np.maximum(people.head_sizes, 1e-6)  # a head of size zero: no joint is correct
    error = np.linalg.norm(keypoints + 1.0 - people.joints, axis=2) / heads[:, None]
    count = visible.sum(axis=0)

    def pckh(threshold: float) -> FloatArray:
        right = ((error <= threshold) & visible).sum(axis=0)
        return np.divide(right, count, out=np.full(JOINTS, np.nan), where=count > 0)

    counted = [joint for joint in range(JOINTS) if joint not in LEFT_OUT and count[joint] > 0]
    if not counted:
        raise UsageError("None of the people has a visible joint, so there is nothing to score.")
    share = count[counted] / count[counted].sum()
    loose, strict = pckh(THRESHOLD), pckh(STRICT_THRESHOLD)
    return MpiiFigures(
        {name: float(loose[list(joints)].mean()) for name, joints in JOINT_GROUPS.items()},
        float((loose[counted] * share).sum()),
        float((strict[counted] * share).sum()),
    )


def present(
    people: MpiiPeople,
    images: Path,
    *,
    allow_missing: bool,
    on_note: Callable[[str], None] = lambda sentence: None,
) -> MpiiPeople:
    """Return the people whose picture is in the folder, with the pictures' actual names.

    Args:
        people: as annotated.
        images: the folder.
        allow_missing: omit people without a picture.
        on_note: called with a sentence if names were matched by their end.

    Raises:
        SourceError: pictures are missing (unless allowed), or none is found.
    """
    if not images.is_dir():
        raise SourceError(f"There is no folder {images}; name the folder with the pictures.")
    found = find_annotated(people.images, images)
    missing = sorted(set(people.images) - found.paths.keys())
    if missing and (not allow_missing or not found.paths):
        raise SourceError(
            f"{len(missing)} of {counted(len(set(people.images)), 'picture')} {are(len(missing))} not in "
            f"{images} (the first: {missing[0]}); add them, or leave them out with --allow-missing."
        )
    if note := found.note("the annotations"):
        on_note(note)
    there = people.take([index for index, name in enumerate(people.images) if name in found.paths])
    # Files that are not where their name says; joined to the folder, an absolute path is unchanged.
    where = {name: str(found.paths[name].absolute()) for name in found.by_end}
    return replace(there, images=tuple(where.get(name, name) for name in there.images))


def _regions(people: MpiiPeople) -> tuple[FloatArray, FloatArray]:
    """Return (N, 2) centres in 0-based pixels and (N, 2) sizes of the squares to crop."""
    centers = people.centers.astype(np.float32).copy()
    given = people.centers[:, 0] != -1
    # MPII centres are on the chest: moved down a little, so that the feet are less likely to be cut off.
    centers[given, 1] += CENTER_SHIFT * people.scales[given]
    scales = people.scales.astype(np.float32) * np.where(given, PADDING, 1.0).astype(np.float32) * SCALE_PX
    return centers - 1.0, np.stack([scales, scales], axis=1)
