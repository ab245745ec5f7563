"""Propagates people's boxes from frame to frame by their keypoints, in place of a detector. numpy only.

A box moves with the extent of a person's joints and keeps the margins around them that it had at the
detection, so that the network sees the same crop as after a detection. Extents are compared over the
joints that are trusted both then and now: a hidden joint must not shrink the box, and with it the crop,
and thereby stay hidden.

Legend: N people in the order of the returned boxes, K keypoints; square pixels and seconds throughout.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from shufflecam.core.geometry import box_area, box_iou, clip_boxes
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import SCORE_FLOOR, Detections, FloatArray, Pose
from shufflecam.pose.nms import completeness, duplicates

FEWEST = 4
"""With fewer joints above `SCORE_FLOOR`, the trusted ones, a box is not updated until the next detection."""

LARGEST_STEP = 1.5
"""Largest factor by which a person may grow or shrink between two detections."""

BOX_GAIN = 0.3
"""Weight of the joints in the update of a box: a single joint that jumps must not drag it along."""

LOST_SHARE = 0.5
"""If the joints that were trusted now score less than this share of what they did, they are on someone
else's sleeve or on a wall."""

VELOCITY_GAIN = 0.6
"""Weight of a new velocity in the running mean."""

COAST_S = 0.2
"""Time constant of the decay of a velocity in the prediction."""

SAME_BOX = 0.3
"""IoU from which a detection and a followed box are the same person."""

MISSED_MOST = 1
"""Number of detections that may miss a person with valid keypoints: detectors flicker."""

HISTORY = 32
"""Number of frames kept for a detection that arrives late."""

STALE_S = 1.0
"""After a longer gap the last keypoints are no longer valid."""


@dataclass(eq=False)
class _Person:
    """A person who is followed."""

    box: FloatArray  # (4,) where the person is, not clipped to the picture
    box_score: float
    joints: FloatArray  # (K, 2) of the last frame, NaN where not trusted
    found: _Sight | None = None  # at the last detection
    velocity: FloatArray = field(default_factory=lambda: np.zeros(2, np.float32))
    time: float = 0.0
    missed: int = 0
    fresh: bool = True  # the box is from the detector, no joints yet
    lost: bool = False
    followed: bool = False  # whether the last box was followed rather than detected
    history: deque[_Sight] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def expected(self, now: float) -> FloatArray:
        """(4,) the predicted box."""
        if self.fresh:
            return self.box
        ahead = COAST_S * (1.0 - math.exp(-max(0.0, now - self.time) / COAST_S))
        return (self.box + np.tile(self.velocity * ahead, 2)).astype(np.float32)

    def at(self, then: float) -> _Sight | None:
        """Return the stored frame nearest to `then`."""
        return min(self.history, key=lambda sight: abs(sight.time - then)) if self.history else None


@dataclass(frozen=True, eq=False)
class _Sight:
    """A person in one frame."""

    time: float
    box: FloatArray  # (4,)
    joints: FloatArray  # (K, 2), NaN where not trusted
    scores: FloatArray  # (K,)

    @property
    def trusted(self) -> np.ndarray:
        """(K,) whether each joint is trusted."""
        return np.asarray(np.isfinite(self.joints[:, 0]))

    def box_around(self, joints: FloatArray) -> FloatArray | None:
        """(4,) this frame's box, transferred to new positions of the same joints; None with too few."""
        common = self.trusted & np.isfinite(joints[:, 0])
        if common.sum() < FEWEST:
            return None
        before, now = _extent(self.joints[common]), _extent(joints[common])
        grown = np.clip(_side(now) / _side(before), 1.0 / LARGEST_STEP, LARGEST_STEP)
        box: FloatArray = (now + (self.box - before) * grown).astype(np.float32)
        return box


def _extent(joints: FloatArray) -> FloatArray:
    """(M, 2) -> (4,) xyxy."""
    return np.concatenate([joints.min(axis=0), joints.max(axis=0)])


def _side(box: FloatArray) -> float:
    """The longer side, at least 1 pixel."""
    return max(1.0, float((box[2:] - box[:2]).max()))


class Follower:
    """Predicts from the last frame where people are in the next one. One per video, frames in order."""

    def __init__(self, skeleton: Skeleton, max_people: int = 20) -> None:
        self.skeleton = skeleton
        self._max_people = max_people
        self._people: list[_Person] = []

    def __len__(self) -> int:
        return len(self._people)

    def clear(self) -> None:
        """Forget all people, as after a scene cut."""
        self._people = []

    @property
    def is_in_the_dark(self) -> bool:
        """Whether no one is known, or only the box of someone."""
        return not self._people or any(
            person.found is not None and person.found.trusted.sum() < FEWEST for person in self._people
        )

    def is_stale(self, now: float) -> bool:
        """Whether someone was last seen too long ago, or time ran backwards."""
        return any(not 0.0 <= now - person.time <= STALE_S for person in self._people)

    def boxes(self, now: float, size: tuple[float, float]) -> Detections:
        """Return one box per person; people who left the picture are forgotten.

        Args:
            now: the frame's time.
            size: the picture's (width, height); boxes are clipped to it.
        """
        expected = np.array([person.expected(now) for person in self._people], np.float32)
        clipped = clip_boxes(expected.reshape(-1, 4), size)
        inside = box_area(clipped) > 1
        self._people = [person for person, here in zip(self._people, inside, strict=True) if here]
        scores = np.array([person.box_score for person in self._people], np.float32)
        return Detections(clipped[inside], scores)

    def join(
        self, found: Detections, now: float, size: tuple[float, float], then: float | None = None
    ) -> Detections:
        """Merge a detector's boxes with those of people it missed whose keypoints are valid.

        Args:
            found: the detections.
            now: the time of the frame that the boxes are for.
            size: the picture's (width, height).
            then: the time of the frame that was searched; None: `now`. People known then continue from their
                keypoints, which are newer than the detection.
        """
        here = self.boxes(now, size)
        late = then is not None and then < now
        before = here.boxes_xyxy
        if then is not None and late:
            sights = [person.at(then) for person in self._people]
            boxes = [p.box if s is None else s.box for p, s in zip(self._people, sights, strict=True)]
            before = np.array(boxes, np.float32).reshape(-1, 4)
        row_of = _pairs(box_iou(before, found.boxes_xyxy), SAME_BOX)
        known = {column: self._people[row] for row, column in row_of.items()}
        people = []
        for column, box in enumerate(found.boxes_xyxy):
            person = known.get(column)
            if late and person is None and (box_iou(here.boxes_xyxy, box[None]) > SAME_BOX).any():
                continue  # already found in a later frame
            if person is None:
                person = self._new(box, now)
            elif then is not None and late:
                sight = person.at(then)
                person.found = person.found if sight is None else replace(sight, box=box)
            else:
                person.box, person.fresh = box, True
            person.box_score, person.missed = float(found.scores[column]), 0
            people.append(person)
        for row, person in enumerate(self._people):
            if row not in row_of and person.missed < MISSED_MOST and not person.lost:
                person.missed += 1
                people.append(person)
        self._people = people[: self._max_people]
        return self.boxes(now, size)

    def take(self, poses: Sequence[Pose], now: float) -> list[Pose]:
        """Update the people from the poses found in the boxes returned by `boxes` or `join`, in order.

        Returns:
            The poses without those that slid onto another person. `lost` says whether anyone was lost.
        """
        self.lost = False
        for person, pose in zip(self._people, poses, strict=True):
            self._see(person, pose, now)
        slid = self._slid(poses)
        self.lost = bool(slid) or any(person.lost for person in self._people)
        self._people = [person for i, person in enumerate(self._people) if i not in slid]
        return [pose for i, pose in enumerate(poses) if i not in slid]

    lost = False
    """Whether the last `take` lost someone: their keypoints collapsed, or are another person's."""

    def forget_lost(self, poses: Sequence[Pose]) -> list[Pose]:
        """Drop people confirmed neither by keypoints nor by a detection in this frame; return the others."""
        pairs = list(zip(self._people, poses, strict=True))
        self._people = [person for person, _ in pairs if not (person.lost and person.missed)]
        return [pose for person, pose in pairs if not (person.lost and person.missed)]

    def _new(self, box: FloatArray, now: float) -> _Person:
        joints = np.full((len(self.skeleton.keypoints), 2), np.nan, np.float32)
        return _Person(box, math.nan, joints, time=now)

    def _see(self, person: _Person, pose: Pose, now: float) -> None:
        joints = np.where((pose.scores > SCORE_FLOOR)[:, None], pose.keypoints, np.nan).astype(np.float32)
        step, moved = now - person.time, joints - person.joints
        both = np.isfinite(moved[:, 0])
        if step > 0 and both.sum() >= FEWEST:
            velocity = np.median(moved[both], axis=0) / step
            person.velocity = (person.velocity + VELOCITY_GAIN * (velocity - person.velocity)).astype(
                np.float32
            )
        here = person.expected(now)
        person.joints, person.time, person.followed = joints, now, not person.fresh
        if person.fresh or person.found is None:
            person.found = _Sight(now, here, joints, pose.scores)
            person.fresh = person.lost = False
        else:
            person.lost = _is_lost(person.found, pose.scores)
            carried = person.found.box_around(joints)
            if carried is not None and not person.lost:
                here = here + BOX_GAIN * (carried - here)
        person.box = here
        person.history.append(_Sight(now, here, joints, pose.scores))

    def _slid(self, poses: Sequence[Pose]) -> set[int]:
        """Indices of duplicates: the detector gave one person two boxes, or one of two boxes slid."""
        return set(duplicates(poses, self.skeleton.sigmas, rank=self._claims(poses)))

    def _claims(self, poses: Sequence[Pose]) -> list[float]:
        """Rank each person: the larger, the likelier the joints are this person's."""
        claims = []
        for person, pose in zip(self._people, poses, strict=True):
            before = 0.0 if person.found is None else float(np.nan_to_num(person.found.scores).mean())
            share = float(np.nan_to_num(pose.scores).mean()) / max(before, 0.1)
            # A box detected in this frame outranks any share; of two such, the more complete pose wins.
            claims.append(share if person.followed else 1e3 + completeness(pose))
        return claims


def _is_lost(found: _Sight, scores: FloatArray) -> bool:
    """Whether the joints seen at the detection have gone. A person with too few of them cannot lose them."""
    relied = found.trusted
    if relied.sum() < FEWEST:
        return False
    now = np.nan_to_num(scores[relied])
    return float(now.mean()) < LOST_SHARE * float(found.scores[relied].mean())


def _pairs(overlap: FloatArray, least: float) -> dict[int, int]:
    """(T, N) IoU -> row: column, matched greedily from the largest, each once, none below `least`."""
    pairs: dict[int, int] = {}
    overlap = overlap.copy()
    while overlap.size and overlap.max() >= least:
        row, column = divmod(int(overlap.argmax()), overlap.shape[1])
        pairs[row] = column
        overlap[row], overlap[:, column] = -1.0, -1.0
    return pairs
