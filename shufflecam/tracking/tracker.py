"""Track ids: the same id for the same person from frame to frame, never reused for another person.

Each track is predicted with a constant velocity, compared with each pose of the new frame by box overlap
(IoU), keypoint similarity (OKS) and distance, and assigned to maximise the sum of the similarities
(Kuhn-Munkres). Lost tracks are kept and predicted for two seconds, so that a missed detection or an
occlusion costs no one their id.

All times come from the frames, so a variable frame rate or a slow camera makes no difference.

Legend: T tracks, N poses of the new frame, K keypoints; square pixels and seconds throughout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from shufflecam.core.geometry import box_area, box_iou, box_overlap, oks
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import SCORE_FLOOR, FloatArray, Pose
from shufflecam.tracking.appearance import BINS, learn, resemblance
from shufflecam.tracking.assignment import assign

REMEMBER_S = 2.0
"""How long a person may be out of sight and keep the id."""

_MIN_IOU = 0.15  # one of these three must hold for two boxes to be the same person at all
_MIN_OKS = 0.4
_REACH = 0.3  # distance / person size; plus, for each second out of sight:
_REACH_PER_S = 0.8  # about 1.4 m/s of a person whose box is 1.0 m across (root of its area)
_MIN_AREA_RATIO = 0.3  # when distance alone decides, the sizes must be similar
_WEIGHT_IOU, _WEIGHT_OKS, _WEIGHT_NEAR = 0.4, 0.4, 0.2
_LOST_PENALTY = 0.1  # a track seen a moment ago wins over one lost for REMEMBER_S
_VELOCITY_TIME_S = (
    0.15  # time constant of the velocity estimate: noise at 30 fps is averaged over five frames
)
_COAST_TIME_S = 1.0  # time constant of the velocity's decay: people do not walk straight for ever
_UNLIKE = 0.75  # less similar appearances are two people's: of one person's pairs 99.5 % had .89 or more
_ALIKE = 0.95  # from here on clothes are no evidence against a match
_CLOTHES_WEIGHT = 2.0  # each hundredth below `_ALIKE` lowers a similarity by two hundredths
_SAME_PLACE_OKS = (
    0.6  # joints where they were a frame ago, or before a flash, are the same person in any light
)
_CLOTHES_GAIN = 0.1  # weight of a new frame in the running mean of a person's appearance
_CROWDED = 0.4  # a new box that overlaps a known person's by this share of the smaller one...
CONFIRM_S = 0.1
"""...must persist for this long before it becomes a person: detectors produce second boxes around people for
a frame or two."""

ASIDE_S = 0.65
"""How long the tracks from before a cut are kept, in case the picture cuts back: a flash, a black frame, an
insert of half a second."""

_REMEMBER_MOST = 256  # maximum number of lost tracks, whatever a detector hallucinates

_NOT_SEEN = np.full((2, 3, BINS), np.nan, np.float32)


@dataclass(eq=False)
class _Track:
    """A known person."""

    track_id: int
    box: FloatArray  # (4,) where last seen
    keypoints: FloatArray  # (K, 2) where last seen, NaN where not trusted
    velocity: FloatArray  # (2,) pixels per second
    seen: float  # the tracker's clock
    sightings: int = 1
    looks: FloatArray | None = None  # (2, 3, BINS), see tracking.appearance
    unconfirmed_since: float | None = None  # a newcomer in a crowd, without an id yet

    def moved(self, now: float) -> FloatArray:
        """(2,) predicted displacement in pixels since it was last seen."""
        coasted = _COAST_TIME_S * (1.0 - math.exp(-(now - self.seen) / _COAST_TIME_S))
        return (self.velocity * coasted).astype(np.float32)

    def see(self, box: FloatArray, keypoints: FloatArray, now: float) -> None:
        """Update the track with a new sighting."""
        step = now - self.seen
        if step > 0:
            velocity = _displacement(self.box, self.keypoints, box, keypoints) / step
            gain = max(1.0 - math.exp(-step / _VELOCITY_TIME_S), 1.0 / (self.sightings + 1))
            self.velocity = (self.velocity + gain * (velocity - self.velocity)).astype(np.float32)
            self.seen = now
        self.box, self.keypoints = box, keypoints
        self.sightings += 1

    def learn(self, looks: FloatArray | None) -> None:
        """Update the appearance with that of a new sighting."""
        if looks is not None:
            self.looks = looks if self.looks is None else learn(self.looks, looks, _CLOTHES_GAIN)


class PoseTracker:
    """Assigns track ids to poses (core.protocols.Tracker). One tracker per video, frames in order."""

    def __init__(
        self, skeleton: Skeleton, remember_s: float = REMEMBER_S, confirm_s: float = CONFIRM_S
    ) -> None:
        """Set the times.

        Args:
            skeleton: defines the K keypoints.
            remember_s: how long a person may be out of sight and keep the id.
            confirm_s: how long a newcomer on top of a known person must stay; 0: all poses are people.
        """
        self._skeleton = skeleton
        self._confirm_s = confirm_s
        self._remember_s = remember_s
        self._tracks: list[_Track] = []
        self._next_id = 1
        self._clock = 0.0
        self._step_s = 0.0
        self._last_timestamp: float | None = None
        self._aside: list[_Track] | None = None  # None: no cut a moment ago
        self._aside_since = 0.0
        self._back_since = -math.inf

    def update(
        self, poses: list[Pose], timestamp_s: float, looks: Sequence[FloatArray] | None = None
    ) -> list[Pose]:
        """Return the poses in the same order, each with its `track_id`.

        A newcomer on top of a known person is omitted until confirmed (`confirm_s`). The ids do not depend
        on the order of `poses`. A timestamp that stands still or decreases counts as no elapsed time.

        Args:
            poses: all people in the frame, in square pixels.
            timestamp_s: the frame's time in seconds.
            looks: the appearance of each (`tracking.appearance`); None: it is not used.
        """
        self._advance(timestamp_s)
        self._tracks = [track for track in self._tracks if self._clock - track.seen <= self._remember_s]
        if self._aside is not None and self._clock - self._aside_since > ASIDE_S:
            self._aside = None
        # Best first, then left to right: new ids are assigned in an order independent of the detector's.
        order = sorted(range(len(poses)), key=lambda i: _rank(poses[i]))
        ids = self._assign([poses[i] for i in order], None if looks is None else [looks[i] for i in order])
        self._forget_surplus()
        by_index = dict(zip(order, ids, strict=True))
        return [replace(pose, track_id=by_index[i]) for i, pose in enumerate(poses) if by_index[i]]

    def reset(self) -> None:
        """Forget all tracks. Ids already assigned are not reused."""
        self._tracks, self._aside = [], None

    def set_aside(self) -> None:
        """Set all tracks aside at a cut; for `ASIDE_S` they may be brought back."""
        if self._aside is None:
            self._aside, self._aside_since = self._tracks, self._clock
        self._tracks = []

    def bring_back(self) -> None:
        """Restore the tracks from before the last cut; those started since are dropped."""
        if self._aside is not None:
            self._tracks, self._aside = self._aside, None
            self._back_since = self._clock

    def _advance(self, timestamp_s: float) -> None:
        if not math.isfinite(timestamp_s):
            return
        if self._last_timestamp is not None:
            self._step_s = max(0.0, timestamp_s - self._last_timestamp)
            self._clock += self._step_s
        self._last_timestamp = timestamp_s

    def _assign(self, poses: list[Pose], looks: list[FloatArray] | None) -> list[int]:
        """Return an id for each pose; 0 if not confirmed yet."""
        boxes = np.array([pose.box_xyxy for pose in poses], np.float32).reshape(-1, 4)
        keypoints = [_trusted(pose) for pose in poses]
        similarity = self._similarity(boxes, keypoints, looks)
        tracks: list[_Track | None] = [None] * len(poses)
        for row, column in assign(similarity):
            tracks[column] = self._tracks[row]
            self._tracks[row].see(boxes[column], keypoints[column], self._clock)
            self._tracks[row].learn(None if looks is None else looks[column])
        known = boxes[[track is not None and track.unconfirmed_since is None for track in tracks]]
        # A track neither confirmed nor seen is discarded.
        self._tracks = [t for t in self._tracks if t.unconfirmed_since is None or t.seen == self._clock]
        ids = []
        for column, track in enumerate(tracks):
            if track is None:
                still = np.zeros(2, np.float32)
                track = _Track(0, boxes[column], keypoints[column], still, self._clock)
                track.looks = None if looks is None else looks[column]
                doubtful = self._confirm_s > 0 and (box_overlap(boxes[column][None], known) >= _CROWDED).any()
                track.unconfirmed_since = self._clock if doubtful else None
                self._tracks.append(track)
            elif track.unconfirmed_since is not None:
                waited_s = self._clock - track.unconfirmed_since
                if (
                    waited_s >= self._confirm_s - 1e-6
                    or not (box_overlap(boxes[column][None], known) >= _CROWDED).any()
                ):
                    track.unconfirmed_since = None
            if track.track_id == 0 and track.unconfirmed_since is None:
                track.track_id, self._next_id = self._next_id, self._next_id + 1
            ids.append(track.track_id)
        return ids

    def _similarity(
        self, boxes: FloatArray, keypoints: list[FloatArray], looks: list[FloatArray] | None
    ) -> FloatArray:
        """(T, N) in 0..1; 0 where track and pose cannot be the same person."""
        if not self._tracks or not len(boxes):
            return np.zeros((len(self._tracks), len(boxes)), np.float32)
        gaps = np.array([self._clock - track.seen for track in self._tracks], np.float32)[:, None]
        moves = np.stack([track.moved(self._clock) for track in self._tracks])
        expected = np.stack([track.box for track in self._tracks]) + np.tile(moves, 2)
        iou = box_iou(expected, boxes)
        near, alike = _nearness(expected, boxes, _REACH + _REACH_PER_S * gaps)
        joints = np.stack(keypoints)
        similar = np.zeros_like(iou)
        for row, track in enumerate(self._tracks):
            # OKS assumes a single moment; the longer ago, the further a joint may have moved.
            area = float(box_area(track.box[None])[0]) * (1.0 + 2.0 * float(gaps[row, 0])) ** 2
            similar[row] = oks(track.keypoints + moves[row], joints, area, self._skeleton.sigmas)
        shared = _share_joints(self._tracks, joints)
        possible = (iou >= _MIN_IOU) | (shared & (similar >= _MIN_OKS)) | ((near > 0) & alike)
        # Without a joint in common (a bad pose, all NaN) the box stands in for both.
        total = _WEIGHT_IOU * iou + _WEIGHT_OKS * np.where(shared, similar, iou) + _WEIGHT_NEAR * near
        total = total * (1.0 - _LOST_PENALTY * np.minimum(gaps / self._remember_s, 1.0))
        if looks is not None:
            same = resemblance(np.stack([_looks_of(t) for t in self._tracks])[:, None], np.stack(looks)[None])
            # Across a flash too: its light is still on those who are found again.
            recent = (gaps <= 2 * self._step_s) | (self._clock - gaps <= self._back_since)
            in_place = shared & (similar >= _SAME_PLACE_OKS) & recent
            possible &= ~(same < _UNLIKE) | in_place  # NaN, where no clothes are visible, rules nothing out
            total = total * (
                1.0 - _CLOTHES_WEIGHT * np.clip(_ALIKE - np.nan_to_num(same, nan=1.0), 0.0, 0.25)
            )
        return np.where(possible & np.isfinite(total), np.maximum(total, 1e-6), 0.0).astype(np.float32)

    def _forget_surplus(self) -> None:
        lost = [track for track in self._tracks if track.seen < self._clock]
        if len(lost) > _REMEMBER_MOST:
            lost.sort(key=lambda track: track.seen)
            surplus = {id(track) for track in lost[: len(lost) - _REMEMBER_MOST]}
            self._tracks = [track for track in self._tracks if id(track) not in surplus]


def _rank(pose: Pose) -> tuple[float, ...]:
    """Return a sort key that depends on the pose itself, not on its position in the list."""
    score = pose.score if math.isfinite(pose.score) else 0.0
    return (-score, *np.nan_to_num(pose.box_xyxy).tolist(), *np.nan_to_num(pose.keypoints).ravel().tolist())


def _looks_of(track: _Track) -> FloatArray:
    return _NOT_SEEN if track.looks is None else track.looks


def _trusted(pose: Pose) -> FloatArray:
    """(K, 2) keypoints, NaN where not trusted."""
    sure = pose.scores > SCORE_FLOOR  # False for NaN
    return np.where(sure[:, None], pose.keypoints, np.float32(np.nan)).astype(np.float32)


def _share_joints(tracks: list[_Track], joints: FloatArray) -> np.ndarray:
    """(T, N): whether at least one joint is trusted in both."""
    difference = np.stack([track.keypoints for track in tracks])[:, None] - joints[None]
    both = np.asarray(np.isfinite(difference).all(axis=3))
    return np.asarray(both.any(axis=2))


def _nearness(expected: FloatArray, boxes: FloatArray, reach: FloatArray) -> tuple[FloatArray, np.ndarray]:
    """(T, N) closeness of centres, 1 if equal, 0 from `reach` person sizes; whether sizes are similar."""
    centers_a = (expected[:, None, :2] + expected[:, None, 2:]) / 2
    centers_b = (boxes[None, :, :2] + boxes[None, :, 2:]) / 2
    area_a, area_b = box_area(expected)[:, None], box_area(boxes)[None, :]
    size = np.sqrt(np.maximum(np.maximum(area_a, area_b), 1.0))
    distance = np.linalg.norm(centers_a - centers_b, axis=2) / size
    near = np.clip(1.0 - distance / reach, 0.0, 1.0)
    alike = np.minimum(area_a, area_b) >= _MIN_AREA_RATIO * np.maximum(area_a, area_b)
    return near.astype(np.float32), alike


def _displacement(
    box_a: FloatArray, keypoints_a: FloatArray, box_b: FloatArray, keypoints_b: FloatArray
) -> FloatArray:
    """(2,) displacement from a to b in pixels: of the median joint, which a waving arm does not affect."""
    difference = keypoints_b - keypoints_a
    both = np.isfinite(difference).all(axis=1)
    if both.sum() >= 4:
        return np.median(difference[both], axis=0).astype(np.float32)
    return ((box_b[:2] + box_b[2:] - box_a[:2] - box_a[2:]) / 2).astype(np.float32)
