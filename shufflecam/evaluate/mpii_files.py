"""Reads the published annotation files of MPII: the people and their annotated joints."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from shufflecam.core.errors import SourceError, UsageError
from shufflecam.core.reasons import reason
from shufflecam.core.skeleton import MPII_16
from shufflecam.core.text import parse_json
from shufflecam.core.types import FloatArray

HEAD_FACTOR = 0.6
"""Head size = 0.6 x the diagonal of the head box (MPII's SC_BIAS)."""


NECK_TO_HEAD = 0.75
"""Head size over the distance from upper neck to head top: MPII places these two on the head box, 4/5 of
its diagonal apart, so that both definitions agree."""


JOINTS = len(MPII_16.keypoints)

PADDING = 1.25
"""Size of the region around a person relative to the scale."""

CENTER_SHIFT = 15
"""Downward shift of the region's centre from the annotation, in pixels per unit of scale."""


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
    """(N,) pixels, including the factor 0.6."""
    training: int = 0
    """Number of further people in the file that are not for validation."""

    def __len__(self) -> int:
        return len(self.images)

    def take(self, keep: list[int]) -> MpiiPeople:
        """Return the people with these indices."""
        return MpiiPeople(
            tuple(self.images[index] for index in keep),
            self.centers[keep],
            self.scales[keep],
            self.joints[keep],
            self.visible[keep],
            self.head_sizes[keep],
            self.training,
        )


def read_mpii(file: Path) -> MpiiPeople:
    """Read the people of an annotation file in any of the common layouts.

    - `mpii_val.json` (a list with `image`, `center`, `scale`, `joints`, `joints_vis`), with
      `mpii_gt_val.mat` next to it, which has the joints and head boxes to score; without it the joints
      of the list are scored and the head size is computed from its two joints.
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


def _read_h5(file: Path) -> MpiiPeople:
    h5py = _library("h5py")
    with h5py.File(file, "r") as data:
        joints = np.array(data["part"], np.float32)
        # This layout already includes the padding and the shift towards the feet.
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
    """Import a module that only one layout needs. Raises UsageError if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        top = name.partition(".")[0]
        raise UsageError(f"This layout of MPII needs {top}; install it with pip install {top}.") from error


def _annotated(joints: FloatArray) -> FloatArray:
    """Return (N, 16), 1 where a joint has a position: the reference counts hidden ones, despite the flag."""
    return np.asarray((joints > 0).any(axis=2), np.float32)


def _head_sizes(joints: FloatArray) -> FloatArray:
    """Return (N,) head sizes from the upper neck (8) and the head top (9)."""
    across = joints[:, 9] - joints[:, 8]
    sizes: FloatArray = (np.sqrt((across**2).sum(axis=1)) * NECK_TO_HEAD).astype(np.float32)
    return sizes
