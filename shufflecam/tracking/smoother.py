"""Keypoint smoothing: a One-Euro filter for each joint of each tracked person.

Casiez, Roussel, Vogel: "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012. A first-order low-pass filter whose cut-off rises with the speed: at
rest it removes jitter, in motion it follows the joint without lag. Time steps are the frames' own, so the
result does not depend on a variable frame rate or dropped frames.

Speeds are measured in person sizes per second (the size is the square root of the box's area), so the same
constants hold at every resolution and distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from shufflecam.core.geometry import person_size
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import FloatArray, Pose

G = TypeVar("G", float, np.ndarray)

Limbs = tuple[np.ndarray, np.ndarray]
"""(L,) and (L,) indices of the two ends of L links."""

_SHARES = np.linspace(0.9, 0.0, 10, dtype=np.float32)[:, None]

# Chosen by simulation at 30 and 60 fps (tests/tracking/test_smoother.py checks the targets): noise of 2 px on
# a person of 640 px is reduced to 0.7 px; a joint that moves one person size a second lags 0.7 frames at
# 30 fps.

MIN_CUTOFF_HZ = 0.7
"""Cut-off at rest. A lower one removes more jitter and takes longer to settle."""

CUTOFF_PER_SPEED = 7.0
"""Hz per person size a second. A steady motion lags 1 / (2 pi cut-off) seconds."""

SPEED_CUTOFF_HZ = 3.0
"""Cut-off of the speed's own low-pass filter: high enough to respond to a movement within two frames."""

SURE_SCORE = 0.5
"""From this keypoint score a joint is smoothed as above; below, a joint at rest is smoothed more."""

BACKLASH = 0.1
"""How far a keypoint's score may fall before the smoothed score follows: what is shown from .3 disappears at
.2, and likewise at every other threshold."""

TRUSTED = 0.2
"""A measurement with a lower score does not move a joint that was trusted in the previous frame."""

LEAP_SIZES = 0.2
"""A joint that moves further than this share of the person's size between two frames, relative to the person
as a whole..."""

LEAP_SIZES_PER_S = 7.0
"""...and faster than this, has leapt: no joint moves as fast, sprinters' feet included (about 5), but one
that the network places on the other arm does."""

LEAP_RATIO = 2.0
"""A joint that moves more than `LEAP_SIZES` and changes the length of an arm or a leg by this factor has
leapt at any speed..."""

LIMB_RATIO = 1.8
"""...and if it moves less, its step is limited so that the limb changes by at most this factor per frame: the
flutter of a foreshortened forearm is noise."""

LEAP_FRAMES = 3
"""Number of frames in a new place before a joint is trusted there: the first is bridged, in the others its
score is lowered to unsure."""

MOST_HELD = 0.5
"""Of the joints that were trusted in the last frame, no more than this part is held where it was."""

DOUBT_FRAMES = 2
"""Frames for which a joint stays unsure after it left its place for more than one: fewer would flicker."""

ONE_FRAME_S = 0.15
"""With a longer frame interval, a joint that appears or disappears for a single frame may really have."""

RESTART_S = 0.5
"""A person unseen for longer is filtered afresh: the past says nothing about the present."""

FORGET_S = 2.5
"""Slightly longer than a tracker remembers an id."""


@dataclass(eq=False)
class _State:
    """The filter state of one person."""

    raw: FloatArray  # (K, 2) last measured positions
    position: FloatArray  # (K, 2) filtered; NaN without a past
    velocity: FloatArray  # (K, 2) pixels per second, filtered
    scores: FloatArray  # (K,) as measured, 0 for missing
    steady: FloatArray  # (K,) with hysteresis
    leapt: np.ndarray  # (K,) frames since a joint left its trusted place
    doubt: np.ndarray  # (K,) frames for which a joint is still unsure
    size: float  # person size in pixels, filtered
    seen: float  # seconds


class OneEuroSmoother:
    """Adds `keypoints_smoothed` to poses with an id (core.protocols.Smoother). One smoother per video."""

    def __init__(
        self,
        min_cutoff_hz: float = MIN_CUTOFF_HZ,
        cutoff_per_speed: float = CUTOFF_PER_SPEED,
        speed_cutoff_hz: float = SPEED_CUTOFF_HZ,
        *,
        skeleton: Skeleton | None = None,
    ) -> None:
        """Set the filter's constants.

        Args:
            min_cutoff_hz: cut-off at rest.
            cutoff_per_speed: Hz per person size a second.
            speed_cutoff_hz: cut-off of the speed's own filter.
            skeleton: defines the arms and legs that are checked for leaps; None: only single joints are.
        """
        self._limbs = limbs_of(skeleton)
        self._min_cutoff_hz = min_cutoff_hz
        self._cutoff_per_speed = cutoff_per_speed
        self._speed_cutoff_hz = speed_cutoff_hz
        self._states: dict[int, _State] = {}

    def update(self, poses: list[Pose], timestamp_s: float) -> list[Pose]:
        """Return the poses in the same order, with `keypoints_smoothed` where there is a `track_id`.

        A missing joint stays missing and is filtered afresh when it is back.
        """
        smoothed = [self._update(pose, timestamp_s) for pose in poses]
        dead = [key for key, state in self._states.items() if not abs(timestamp_s - state.seen) <= FORGET_S]
        for key in dead:
            del self._states[key]
        return smoothed

    def _update(self, pose: Pose, now: float) -> Pose:
        if pose.track_id is None:
            return pose
        state = self._states.get(pose.track_id)
        if state is None or not 0.0 <= now - state.seen <= RESTART_S:
            state = self._states[pose.track_id] = _begin(pose, now)
        elif now > state.seen:
            self._step(state, pose, now - state.seen)
            state.seen = now
        return replace(pose, keypoints_smoothed=state.position.copy(), scores_smoothed=state.steady.copy())

    def _step(self, state: _State, pose: Pose, step_s: float) -> None:
        scores = _known_scores(pose)
        state.size += _gain(self._speed_cutoff_hz, step_s) * (person_size(pose.box_xyxy) - state.size)
        keypoints, held = _without_glitches(state, pose.keypoints, scores, step_s, self._limbs)
        known = np.isfinite(keypoints - state.position).all(axis=1) & (state.leapt < LEAP_FRAMES)
        fresh = ~known[:, None]
        measured = np.where(fresh, 0, (keypoints - state.raw) / step_s)
        velocity = state.velocity + _gain(self._speed_cutoff_hz, step_s) * (measured - state.velocity)
        state.velocity = np.where(fresh, 0, velocity).astype(np.float32)
        speed = np.linalg.norm(state.velocity, axis=1) / state.size
        # A low-scoring joint jitters more. Its motion counts in full: a fast wrist is blurred and scores low,
        # and must not lag for that.
        sure = np.clip(scores / SURE_SCORE, 0.25, 1.0)
        gain = _gain(self._min_cutoff_hz * sure + self._cutoff_per_speed * speed, step_s)[:, None]
        position = state.position + gain * (keypoints - state.position)
        position = np.where(fresh, keypoints, position).astype(np.float32)
        state.position = calmed(state.position, position, self._limbs, state.size)
        state.steady = _steadied(state, scores, held, step_s)
        state.raw, state.scores = keypoints, scores


def _begin(pose: Pose, now: float) -> _State:
    scores = _known_scores(pose)
    still, none = np.zeros_like(pose.keypoints), np.zeros(len(scores), np.int64)
    return _State(
        pose.keypoints,
        pose.keypoints,
        still,
        scores,
        scores.copy(),
        none,
        none,
        person_size(pose.box_xyxy),
        now,
    )


def _known_scores(pose: Pose) -> FloatArray:
    """(K,) scores, 0 where the joint is missing."""
    there = np.isfinite(pose.keypoints).all(axis=1)
    return np.where(there, np.nan_to_num(pose.scores), 0.0).astype(np.float32)


def _without_glitches(
    state: _State, keypoints: FloatArray, scores: FloatArray, step_s: float, limbs: Limbs
) -> tuple[FloatArray, np.ndarray]:
    """(K, 2) measurements, with those not to be trusted yet replaced by the last one; (K,) which these are.

    These are joints that were trusted in the previous frame and now are not, for one frame; and joints that
    leapt, until they have been in their new place for `LEAP_FRAMES` frames. Where most of a person's joints
    did one or the other, the person is elsewhere or gone, and nothing is held.
    """
    moved = keypoints - state.raw
    both = np.isfinite(moved[:, 0]) & (scores > TRUSTED) & (state.scores > TRUSTED)
    person = np.median(moved[both], axis=0) if both.sum() >= 4 else np.zeros(2, np.float32)
    gone = np.linalg.norm(np.where(both[:, None], moved - person, 0), axis=1) / state.size
    leaps = gone > max(LEAP_SIZES, LEAP_SIZES_PER_S * step_s)
    a, b = limbs
    if len(a):
        ratio = _ratio(_lengths(state.raw, limbs), _lengths(keypoints, limbs))
        torn = both[a] & both[b] & (ratio > LEAP_RATIO)
        mover = np.where(gone[a] > gone[b], a, b)[torn]
        leaps[mover] |= gone[mover] > LEAP_SIZES
    state.leapt = np.where(leaps, state.leapt + 1, 0)
    faded = (
        (step_s <= ONE_FRAME_S)
        & (scores <= TRUSTED)
        & (state.scores > TRUSTED)
        & np.isfinite(state.raw[:, 0])
    )
    if (faded | leaps).sum() > MOST_HELD * (state.scores > TRUSTED).sum():
        state.leapt = np.where(leaps, LEAP_FRAMES, 0)
        return keypoints, np.zeros(len(scores), bool)
    held = (leaps & (state.leapt < LEAP_FRAMES)) | faded
    return np.where(held[:, None], state.raw + person, keypoints).astype(np.float32), held


def calmed(before: FloatArray, after: FloatArray, limbs: Limbs, size: float) -> FloatArray:
    """(K, 2) positions limited so that no limb changes by more than `LIMB_RATIO` in a small step."""
    a, b = limbs
    if not len(a):
        return after
    then, now = _lengths(before, limbs), _lengths(after, limbs)
    steps = np.linalg.norm(after - before, axis=1)
    for limb in np.flatnonzero(_ratio(then, now) > LIMB_RATIO):
        mover, other = (a[limb], b[limb]) if steps[a[limb]] > steps[b[limb]] else (b[limb], a[limb])
        if steps[mover] > LEAP_SIZES * size:
            continue
        way = before[mover] + _SHARES * (after[mover] - before[mover])
        fits = _ratio(then[limb], np.linalg.norm(way - after[other], axis=1)) <= LIMB_RATIO
        after[mover] = way[int(fits.argmax())] if fits.any() else way[-1]
    return after


def _lengths(keypoints: FloatArray, limbs: Limbs) -> FloatArray:
    """(L,) limb lengths in pixels; NaN where an end is missing."""
    return np.asarray(np.linalg.norm(keypoints[limbs[0]] - keypoints[limbs[1]], axis=1), np.float32)


def _ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    """Ratio of the longer to the shorter length; NaN if either is; lengths count as half a pixel or more."""
    return np.asarray(np.maximum(np.maximum(a, b), 0.5) / np.maximum(np.minimum(a, b), 0.5), np.float32)


def limbs_of(skeleton: Skeleton | None) -> Limbs:
    """Return the two ends of the links of arms and legs."""
    links = [] if skeleton is None else skeleton.edges
    ends = [(a, b) for a, b in links if skeleton is not None and skeleton.is_limb(a, b)]
    return np.array([a for a, _ in ends], np.int64), np.array([b for _, b in ends], np.int64)


def _steadied(state: _State, scores: FloatArray, held: np.ndarray, step_s: float) -> FloatArray:
    """(K,) scores with hysteresis: they rise with two frames, and fall `BACKLASH` late, later where held."""
    low = np.minimum(scores, state.scores) if step_s <= ONE_FRAME_S else scores
    high = np.where(held, np.maximum(scores, state.scores), scores)
    steady = np.clip(state.steady, low, high + BACKLASH)
    # Neither the old nor the new place is sure while a joint moves between them, or right after it returned.
    begins = (state.leapt == LEAP_FRAMES - 1) | ((state.leapt == LEAP_FRAMES) & (state.doubt == 0))
    state.doubt = np.where(begins, DOUBT_FRAMES, np.maximum(state.doubt - 1, 0))
    return np.where(state.doubt > 0, np.minimum(steady, TRUSTED), steady).astype(np.float32)


def _gain(cutoff_hz: G, step_s: float) -> G:
    """Return the weight of a new value in a low-pass filter after a step of `step_s`."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff_hz * step_s))
