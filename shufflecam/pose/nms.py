"""Pose-based non-maximum suppression: two skeletons on the same person in one frame become one.

A detector's own suppression compares boxes, and two boxes on one person - the full body and the upper half,
or one slightly offset - may overlap little, while the network finds the same joints in both. Two people who
overlap have their joints in different places, however much their boxes have in common. OKS-based
suppression of poses is from Papandreou et al., "Towards Accurate Multi-person Pose Estimation in the Wild"
(CVPR 2017), section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shufflecam.core.geometry import box_area, box_overlap, oks
from shufflecam.core.types import SCORE_FLOOR, Pose

SAME_PERSON = 0.5
"""Similarity from which two poses are the same person. On 171 COCO pictures with our detector and network
every pair of boxes on one person had .67 or more, every pair on two people .34 or less. In annotated boxes
it is otherwise: of 16 in 487 the network draws the neighbour in front, at .51 to .94. So boxes that were
given are not suppressed."""

LEAST_OVERLAP = 0.4
"""The part of the smaller box that lies in the other one: where it is less, the network looked into a
neighbour's box for joints that are hidden. Of the duplicates above the least was .45."""

FEWEST_SHARED = 4
"""Minimum number of joints trusted in both poses..."""

SHARED_PART = 0.5
"""...and the minimum share of the sparser pose's trusted joints that these must be: heads cheek to cheek with
one person's body hidden are two people."""


def duplicates(
    poses: Sequence[Pose],
    sigmas: tuple[float, ...],
    *,
    rank: Sequence[float] | None = None,
    same_person: float = SAME_PERSON,
) -> list[int]:
    """Return the indices of the duplicates to discard, in ascending order.

    Args:
        poses: N poses of one frame, in square pixels.
        sigmas: the skeleton's K per-keypoint OKS constants.
        rank: (N,) of two duplicates the one with the larger rank is kept; None: `completeness`.
        same_person: the similarity from which two poses are one person.
    """
    if len(poses) < 2:
        return []
    worth = [completeness(pose) for pose in poses] if rank is None else list(rank)
    kept: list[int] = []
    dropped: list[int] = []
    for i in sorted(range(len(poses)), key=lambda i: -worth[i]):
        same = any(similarity(poses[i], poses[j], sigmas) >= same_person for j in kept)
        (dropped if same else kept).append(i)
    return sorted(dropped)


def similarity(a: Pose, b: Pose, sigmas: tuple[float, ...]) -> float:
    """Return how likely two poses in one frame are the same person, 0..1.

    OKS over the joints trusted in both, each weighted by the smaller of its two scores: joints that the
    network is sure of in both poses count most. The area is the geometric mean of the two boxes', so that a
    box on half a person does not make the tolerance small.
    """
    seen_a, seen_b = a.scores > SCORE_FLOOR, b.scores > SCORE_FLOOR  # False for NaN
    shared = seen_a & seen_b
    if float(box_overlap(a.box_xyxy[None], b.box_xyxy[None])[0, 0]) < LEAST_OVERLAP:
        return 0.0
    if shared.sum() < max(FEWEST_SHARED, SHARED_PART * min(int(seen_a.sum()), int(seen_b.sum()))):
        return 0.0
    area = float(np.sqrt(np.prod(box_area(np.stack([a.box_xyxy, b.box_xyxy])).astype(np.float64))))
    weights = np.minimum(a.scores, b.scores)
    return float(oks(a.keypoints, b.keypoints[None], max(area, 1.0), sigmas, shared, weights)[0])


def completeness(pose: Pose) -> float:
    """Return how much of a person a pose shows: the sum of its trusted keypoints' scores x the box score."""
    scores = np.nan_to_num(pose.scores)
    box = 1.0 if np.isnan(pose.box_score) else float(pose.box_score)
    return box * float(scores[scores > SCORE_FLOOR].sum())
