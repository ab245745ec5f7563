"""MPII PCKh, exactly as the reference defines it.

A joint counts as right when its distance to the annotation is at most half the head's size
(0.6 x the head box's diagonal). Pelvis and thorax are left out of the mean, which weighs each joint by
how often it is visible. Annotations are 1-based: 1 is added to predictions before comparing.
Source: the OpenMMLab evaluation of MPII, after the MPII authors' own script.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from shufflecam.core.errors import SourceError, UsageError
from shufflecam.core.reasons import reason
from shufflecam.core.skeleton import MPII_16
from shufflecam.core.text import parse_json
from shufflecam.core.types import CropBatch, FloatArray
from shufflecam.core.words import are, counted
from shufflecam.evaluate.lookup import find_annotated
from shufflecam.pose.crops import normalize, warp_crop
from shufflecam.pose.estimator import HeatmapEstimator
from shufflecam.sources.picture import read_picture

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
"""As the published table has them: the plain mean of both sides; the head is its top."""

LEFT_OUT = (6, 7)
"""Pelvis and thorax."""

HEAD_FACTOR = 0.6
"""Head size = 0.6 x the diagonal of the head box (MPII's SC_BIAS)."""

NECK_TO_HEAD = 0.75
"""Head size over the distance from upper neck to head top: MPII draws these two onto the head box, 4/5 of
its diagonal apart, so that both definitions agree."""

PADDING = 1.25
CENTER_SHIFT = 15
"""Pixels, times the scale."""
SCALE_PX = 200
"""MPII's scale is the person's height over 200 px."""

JOINTS = len(MPII_16.keypoints)


@dataclass(frozen=True, eq=False)
class MpiiPeople:
    """N annotated people."""

    images: tuple[str, ...]
    """N file names."""
    centers: FloatArray
    """(N, 2) pixels as annotated (1-based)."""
    scales: FloatArray
    """(N,) height of the person over 200 px."""
    joints: FloatArray
    """(N, 16, 2) pixels as annotated (1-based)."""
    visible: FloatArray
    """(N, 16) 1 where a joint counts."""
    head_sizes: FloatArray
    """(N,) pixels, the factor 0.6 included."""
    training: int = 0
    """How many more the file has that are not for validation."""

    def __len__(self) -> int:
        return len(self.images)

    def take(self, keep: list[int]) -> MpiiPeople:
        """Some of them."""
        return MpiiPeople(
            tuple(self.images[index] for index in keep),
            self.centers[keep],
            self.scales[keep],
            self.joints[keep],
            self.visible[keep],
            self.head_sizes[keep],
            self.training,
        )


@dataclass(frozen=True)
class MpiiFigures:
    """PCKh in 0..1; NaN for a group of which no joint is visible."""

    groups: dict[str, float]
    mean: float
    mean_strict: float
    """At threshold 0.1."""


def read_mpii(file: Path) -> MpiiPeople:
    """The people of an annotation file, in whichever of the common layouts it is.

    - `mpii_val.json` (a list with `image`, `center`, `scale`, `joints`, `joints_vis`), with
      `mpii_gt_val.mat` beside it, which has the joints and head boxes that are scored; without it the
      joints of the list are scored and the head's size is taken from its two joints.
    - `valid.h5` (`imgname`, `center`, `scale`, `part`, `visible`, `normalize`).
    - a list with `img_paths`, `objpos`, `scale_provided`, `joint_self` (.json or .json.gz): its
      validation people.

    Raises:
        SourceError: the file cannot be read.
        UsageError: it is in none of these layouts.
    """
    try:
        if file.suffix == ".h5":
            return _read_h5(file)
        data = file.read_bytes()
        entries = parse_json(gzip.decompress(data) if file.suffix == ".gz" else data)
        if not isinstance(entries, list) or not entries or not isinstance(entries[0], dict):
            raise UsageError(f"The annotation file {file} is not a list of people.")
        if "joint_self" in entries[0]:
            return _from_joint_self(entries)
        return _read_reference(entries, file.with_name(file.stem.replace("mpii_", "mpii_gt_") + ".mat"))
    except OSError as error:
        raise SourceError(f"Cannot read the annotation file {file}: {reason(error)}.") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UsageError(
            f"The annotation file {file} is in none of the MPII layouts ({type(error).__name__}: {error})."
        ) from error


def predict(
    estimator: HeatmapEstimator,
    people: MpiiPeople,
    images: Path,
    *,
    batch: int = 32,
    on_person: Callable[[], None] = lambda: None,
) -> FloatArray:
    """(N, 16, 2) keypoints in 0-based pixels, where the heatmap says nothing (-1, -1) of it.

    Raises:
        SourceError: a picture is missing or broken.
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
    """PCKh of (N, 16, 2) keypoints in 0-based pixels."""
    visible = people.visible > 0
    heads = np.maximum(people.head_sizes, 1e-6)  # a head without size: nothing is right there
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
    """Those whose picture is in the folder, with the pictures' names as they are there.

    Args:
        people: as annotated.
        images: the folder.
        allow_missing: leave those without a picture out.
        on_note: told where names were not taken as they stand.

    Raises:
        SourceError: some are not (unless allowed), or none is.
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
    # Where a file is elsewhere than its name says; joined to the folder, an absolute path stays what it is.
    where = {name: str(found.paths[name].absolute()) for name in found.by_end}
    return replace(there, images=tuple(where.get(name, name) for name in there.images))


def _regions(people: MpiiPeople) -> tuple[FloatArray, FloatArray]:
    """(N, 2) centres in 0-based pixels and (N, 2) sizes of the squares to cut out."""
    centers = people.centers.astype(np.float32).copy()
    given = people.centers[:, 0] != -1
    # MPII centres sit on the chest: down a little, so that the feet are less likely cut off.
    centers[given, 1] += CENTER_SHIFT * people.scales[given]
    scales = people.scales.astype(np.float32) * np.where(given, PADDING, 1.0).astype(np.float32) * SCALE_PX
    return centers - 1.0, np.stack([scales, scales], axis=1)


def _read_h5(file: Path) -> MpiiPeople:
    h5py = _library("h5py")
    with h5py.File(file, "r") as data:
        joints = np.array(data["part"], np.float32)
        # This layout has the padding and the shift towards the feet in it already.
        scales = np.array(data["scale"], np.float32) / np.float32(PADDING)
        centers = np.array(data["center"], np.float32) - np.stack([0 * scales, CENTER_SHIFT * scales], axis=1)
        return MpiiPeople(
            tuple(name.decode() for name in data["imgname"][:]),
            centers,
            scales,
            joints,
            _annotated(joints),
            np.array(data["normalize"], np.float32),
        )


def _from_joint_self(entries: list[dict[str, Any]]) -> MpiiPeople:
    validation = [entry for entry in entries if entry.get("isValidation")]
    joints = np.array([entry["joint_self"] for entry in validation], np.float32)
    return MpiiPeople(
        tuple(entry["img_paths"] for entry in validation),
        np.array([entry["objpos"] for entry in validation], np.float32),
        np.array([entry["scale_provided"] for entry in validation], np.float32),
        joints[..., :2],
        _annotated(joints[..., :2]),
        _head_sizes(joints[..., :2]),
        len(entries) - len(validation),
    )


def _read_reference(entries: list[dict[str, Any]], matlab: Path) -> MpiiPeople:
    joints = np.array([entry["joints"] for entry in entries], np.float32)
    visible = np.array([entry["joints_vis"] for entry in entries], np.float32)
    heads = _head_sizes(joints)
    if matlab.is_file():
        truth = _library("scipy.io").loadmat(matlab)
        if truth["pos_gt_src"].shape != (JOINTS, 2, len(entries)):
            raise UsageError(f"{matlab.name} holds other people than the annotation file beside it.")
        joints = truth["pos_gt_src"].transpose(2, 0, 1).astype(np.float32)
        visible = (1 - truth["jnt_missing"]).T.astype(np.float32)
        boxes = truth["headboxes_src"].astype(np.float32)
        heads = np.linalg.norm(boxes[1] - boxes[0], axis=0) * np.float32(HEAD_FACTOR)
    return MpiiPeople(
        tuple(entry["image"] for entry in entries),
        np.array([entry["center"] for entry in entries], np.float32),
        np.array([entry["scale"] for entry in entries], np.float32),
        joints,
        visible,
        heads,
    )


def _library(name: str) -> Any:
    """A module that only this layout needs. Raises UsageError where it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        top = name.partition(".")[0]
        raise UsageError(f"This layout of MPII needs {top}; install it with pip install {top}.") from error


def _annotated(joints: FloatArray) -> FloatArray:
    """(N, 16) 1 where a joint has a place. Hidden joints count in the reference, whatever the file's flag."""
    return np.asarray((joints > 0).any(axis=2), np.float32)


def _head_sizes(joints: FloatArray) -> FloatArray:
    """(N,) from the upper neck (8) and the head's top (9)."""
    across = joints[:, 9] - joints[:, 8]
    sizes: FloatArray = (np.sqrt((across**2).sum(axis=1)) * NECK_TO_HEAD).astype(np.float32)
    return sizes
