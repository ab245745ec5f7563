"""Plain dict -> poses and skeletons: the inverse of `schema`.

Missing is None in a record and NaN in a `Pose`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shufflecam.core.errors import SourceError
from shufflecam.core.skeleton import SKELETONS, Skeleton
from shufflecam.core.types import FloatArray, Pose
from shufflecam.records.schema import SCHEMA

# For joints of foreign skeletons, which have no measured sigma: the middle of COCO's.
_UNKNOWN_SIGMA = 0.079


def to_poses(record: Mapping[str, Any]) -> tuple[Pose, ...]:
    """Decode the people of a frame's record; a joint that is null gets NaN coordinates and score 0.

    Raises:
        SourceError: the record does not follow the schema.
    """
    try:
        return tuple(to_pose(one) for one in record["people"])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        where = record.get("frame") if isinstance(record, Mapping) else None
        raise SourceError(
            f"The record of frame {where!r} does not follow {SCHEMA} ({type(error).__name__}: {error}); "
            "was it written by shufflecam?"
        ) from error


def to_pose(record: Mapping[str, Any]) -> Pose:
    """Decode one person. Raises Python's own errors (KeyError, ...) for missing or malformed parts."""
    keypoints, scores = _from_triples(record["keypoints"])
    smoothed = scores_smoothed = None
    if record.get("keypoints_smoothed") is not None:
        smoothed, scores_smoothed = _from_triples(record["keypoints_smoothed"])
        if len(smoothed) != len(keypoints):
            raise ValueError(f"{len(keypoints)} keypoints, but {len(smoothed)} smoothed ones")
    box = np.array([_float(value) for value in record["box"]], np.float32)
    if box.shape != (4,):
        raise ValueError(f"a box of {len(box)} numbers")
    track_id = record.get("id")
    return Pose(
        box_xyxy=box,
        box_score=_float(record.get("box_score")),
        keypoints=keypoints,
        scores=scores,
        score=_float(record.get("score")),
        track_id=None if track_id is None else int(track_id),
        keypoints_smoothed=smoothed,
        scores_smoothed=scores_smoothed,
    )


def to_skeleton(record: Mapping[str, Any]) -> Skeleton:
    """Decode the skeleton of a header: a known one, or one built from the header's names and edges.

    Raises:
        SourceError: the header does not describe a skeleton.
    """
    try:
        entry = record["skeleton"]
        names = tuple(str(name) for name in entry["keypoints"])
        edges = tuple((int(a), int(b)) for a, b in entry["edges"])
        outside = [edge for edge in edges if not all(0 <= joint < len(names) for joint in edge)]
        if outside:
            raise ValueError(f"edge {outside[0]} of {len(names)} keypoints")
        known = SKELETONS.get(entry.get("name"))
        if known is not None and known.keypoints == names and known.edges == edges:
            return known
        sigmas = (_UNKNOWN_SIGMA,) * len(names)
        return Skeleton(str(entry.get("name", "unnamed")), names, edges, sigmas, upper_body=())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(
            f"The record's header does not describe a skeleton ({type(error).__name__}: {error}); "
            "was it written by shufflecam?"
        ) from error


def _from_triples(triples: Sequence[Sequence[float] | None]) -> tuple[FloatArray, FloatArray]:
    rows = [
        (math.nan, math.nan, 0.0)
        if triple is None
        else (_float(triple[0]), _float(triple[1]), _float(triple[2]))
        for triple in triples
    ]
    table = np.array(rows, np.float32).reshape(-1, 3)
    return table[:, :2].copy(), table[:, 2].copy()


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
