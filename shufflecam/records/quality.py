"""Quality of a record, measured without annotations: signs of wrong skeletons.

No annotation is needed for these: a person is one skeleton, a forearm does not double its length from one
frame to the next, and a joint does not vanish for a single frame. What is measured is what is drawn: the
smoothed keypoints and their scores where there are any. One pass, memory by people only.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from shufflecam.core.geometry import box_area, oks, person_size
from shufflecam.core.pixels import poses_to_square
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import FloatArray, Pose
from shufflecam.records.reader import SavedRecord
from shufflecam.records.summary import SURE

DOUBLED_OKS = 0.5
"""Two poses of one frame that are more alike, over the joints sure in both, are one person drawn twice."""

LEAP_RATIO = 2.0
"""A limb that gets as many times longer or shorter from one frame to the next has leapt."""

NEXT_S = 0.25
"""Frames further apart are not compared: anything may have happened in between."""

BRIEF_S = 1.0
"""An id that lasts less is likely a false detection, or a person whose id was lost."""

FEW = {"doubled": 0.3, "leaps": 5.0, "blinks": 2.0}
"""What a good record stays below: in percent of the frames, in 1,000 limbs, in 1,000 joints."""

_SAMPLES = 4096  # of the trembling that are kept for its median


@dataclass
class RecordQuality:
    """Counts over a record."""

    frames: int = 0
    doubled: int = 0
    """Frames with two poses that are one person."""
    limbs: int = 0
    """Parts of arms and legs whose ends are sure in a frame and in the one before it."""
    leaps: int = 0
    joints: int = 0
    """Joints of people who are in three frames in a row."""
    blinks: int = 0
    """Of these: sure in the middle one alone, or in all but the middle one."""
    most_people: int = 0
    seconds: dict[int, float] = field(default_factory=dict)
    """id: from first to last seen."""
    trembles: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    """Second differences of sure joints over three frames, of the person's size; the newest `_SAMPLES`."""

    @property
    def brief_ids(self) -> int:
        """How many people are there for less than `BRIEF_S`."""
        return sum(seconds < BRIEF_S for seconds in self.seconds.values())

    def figures(self) -> dict[str, float | int | None]:
        """The figures by name, None where there was nothing to compare.

        doubled: % of frames; leaps: in 1,000 limbs; blinks: in 1,000 joints; tremble: % of a person's size,
        the median; ids, brief_ids, most_people: counts.
        """
        return {
            "doubled": _share(self.doubled, self.frames, 100),
            "leaps": _share(self.leaps, self.limbs, 1000),
            "blinks": _share(self.blinks, self.joints, 1000),
            "tremble": round(100 * float(np.median(self.trembles)), 3) if self.trembles else None,
            "ids": len(self.seconds),
            "brief_ids": self.brief_ids,
            "most_people": self.most_people,
        }


def measure(saved: SavedRecord) -> RecordQuality:
    """Measure a record in one pass.

    Raises:
        SourceError: it does not follow the schema.
    """
    found = RecordQuality()
    first: dict[int, float] = {}
    limbs = [edge for edge in saved.skeleton.edges if saved.skeleton.is_limb(*edge)]
    ends = np.array(limbs, np.int64).reshape(-1, 2)
    before: deque[tuple[float, dict[int, FloatArray]]] = deque(maxlen=2)
    for result in saved.results():
        poses = poses_to_square(result.poses, result.frame.pixel_aspect)
        now = result.frame.timestamp_s
        found.frames += 1
        found.most_people = max(found.most_people, len(poses))
        found.doubled += _is_anybody_doubled(poses, saved.skeleton)
        if result.frame.file is not None:
            continue  # pictures have nothing to do with each other
        seen = {pose.track_id: _drawn(pose) for pose in poses if pose.track_id is not None}
        for number in seen:
            found.seconds[number] = now - first.setdefault(number, now)
        if before and not 0.0 < now - before[-1][0] <= NEXT_S:
            before.clear()
        for pose in poses:
            if pose.track_id is not None:
                _compare(found, [people.get(pose.track_id) for _, people in before], pose, ends)
        before.append((now, seen))
    return found


def _compare(found: RecordQuality, past: list[FloatArray | None], pose: Pose, limbs: np.ndarray) -> None:
    """Count one person of a frame; `past` holds the same person in the last two frames, oldest first."""
    now, last = _drawn(pose), past[-1] if past else None
    if last is None:
        return
    both = _sure(last) & _sure(now)
    compared = limbs[both[limbs].all(axis=1)]
    a, b = _lengths(last, compared), _lengths(now, compared)
    found.limbs += len(compared)
    found.leaps += int((np.maximum(a, b) > LEAP_RATIO * np.minimum(a, b)).sum())
    first = past[0] if len(past) == 2 else None
    if first is None:
        return
    found.joints += len(now)
    found.blinks += int(((_sure(first) == _sure(now)) & (_sure(first) != _sure(last))).sum())
    steady = both & _sure(first)
    if steady.any() and np.isfinite(pose.box_xyxy).all():
        bend = np.linalg.norm(now[steady, :2] - 2 * last[steady, :2] + first[steady, :2], axis=1)
        found.trembles.append(float(np.median(bend)) / person_size(pose.box_xyxy))


def _is_anybody_doubled(poses: list[Pose], skeleton: Skeleton) -> bool:
    if len(poses) < 2:
        return False
    drawn = [_drawn(pose) for pose in poses]
    places = [np.where(_sure(one)[:, None], one[:, :2], np.nan).astype(np.float32) for one in drawn]
    areas = box_area(np.stack([pose.box_xyxy for pose in poses]))
    for i, j in itertools.combinations(range(len(poses)), 2):
        area = float(min(areas[i], areas[j]))
        if float(oks(places[i], places[j][None], area, skeleton.sigmas)[0]) > DOUBLED_OKS:
            return True
    return False


def _drawn(pose: Pose) -> FloatArray:
    """(K, 3) x, y, score of what is drawn."""
    return np.concatenate([pose.drawn_keypoints, pose.drawn_scores[:, None]], axis=1)


def _sure(drawn: FloatArray) -> np.ndarray:
    return np.asarray(np.isfinite(drawn).all(axis=1) & (np.nan_to_num(drawn[:, 2]) >= SURE))


def _lengths(drawn: FloatArray, limbs: np.ndarray) -> FloatArray:
    difference = drawn[limbs[:, 0], :2] - drawn[limbs[:, 1], :2]
    return np.asarray(np.linalg.norm(difference, axis=1), np.float32)


def _share(count: int, of: int, scale: int) -> float | None:
    return round(scale * count / of, 2) if of else None
