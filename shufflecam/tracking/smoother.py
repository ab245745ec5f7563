"""Steadier keypoints: a One-Euro filter for every joint of every tracked person.

Casiez, Roussel, Vogel: "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012. A first-order low-pass filter whose cut-off rises with the speed: at
rest it takes the trembling out, in motion it lets the joint go without lag. Time steps are the
frames' own, so that a variable frame rate and dropped frames change nothing.

Speeds are measured in person sizes a second (the size is the root of the box's area), so the same
constants hold at every resolution and distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from shufflecam.core.types import FloatArray, Pose

G = TypeVar("G", float, np.ndarray)

# Chosen by simulation at 30 and 60 fps (tests/test_smooth.py holds the goals): noise of 2 px on a person of
# 640 px comes out as 0.7 px; a joint that moves one person size a second lags 0.7 frames at 30 fps.

MIN_CUTOFF_HZ = 0.7
"""At rest. Lower trembles less and takes longer to settle."""

CUTOFF_PER_SPEED = 7.0
"""Hz for each person size a second. A steady motion lags 1 / (2 pi cut-off) seconds."""

SPEED_CUTOFF_HZ = 3.0
"""Of the speed's own low-pass: high enough to see a movement begin within two frames."""

SURE_SCORE = 0.5
"""From this keypoint score on a joint is smoothed as above; a joint at rest with less is smoothed more."""

RESTART_S = 0.5
"""A person unseen for longer starts anew: what was before says nothing about now."""

FORGET_S = 2.5
"""A little longer than a tracker remembers an id."""


@dataclass(eq=False)
class _State:
    """The filter of one person."""

    raw: FloatArray  # (K, 2) the last measured positions
    position: FloatArray  # (K, 2) filtered; NaN where there is no past
    velocity: FloatArray  # (K, 2) pixels per second, filtered
    size: float  # person size in pixels, filtered
    seen: float  # seconds


class OneEuroSmoother:
    """Adds `keypoints_smoothed` to poses that have an id (core.protocols.Smoother). One smoother a video."""

    def __init__(
        self,
        min_cutoff_hz: float = MIN_CUTOFF_HZ,
        cutoff_per_speed: float = CUTOFF_PER_SPEED,
        speed_cutoff_hz: float = SPEED_CUTOFF_HZ,
    ) -> None:
        self._min_cutoff_hz = min_cutoff_hz
        self._cutoff_per_speed = cutoff_per_speed
        self._speed_cutoff_hz = speed_cutoff_hz
        self._states: dict[int, _State] = {}

    def update(self, poses: list[Pose], timestamp_s: float) -> list[Pose]:
        """The same poses in the same order, with `keypoints_smoothed` where there is a `track_id`.

        A joint that is missing stays missing and starts anew when it is back.
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
            state = self._states[pose.track_id] = _State(
                pose.keypoints, pose.keypoints, np.zeros_like(pose.keypoints), _person_size(pose), now
            )
        elif now > state.seen:
            self._step(state, pose, now - state.seen)
            state.seen = now
        return replace(pose, keypoints_smoothed=state.position.copy())

    def _step(self, state: _State, pose: Pose, step_s: float) -> None:
        known = np.asarray(np.isfinite(pose.keypoints - state.position).all(axis=1))
        fresh = ~known[:, None]
        state.size += _gain(self._speed_cutoff_hz, step_s) * (_person_size(pose) - state.size)
        measured = np.where(fresh, 0, (pose.keypoints - state.raw) / step_s)
        velocity = state.velocity + _gain(self._speed_cutoff_hz, step_s) * (measured - state.velocity)
        state.velocity = np.where(fresh, 0, velocity).astype(np.float32)
        speed = np.linalg.norm(state.velocity, axis=1) / state.size
        # A joint that the network is not sure of trembles more. Its motion counts in full: a fast wrist is
        # blurred and scores low, and must not lag for that.
        sure = np.clip(np.nan_to_num(pose.scores) / SURE_SCORE, 0.25, 1.0)
        gain = _gain(self._min_cutoff_hz * sure + self._cutoff_per_speed * speed, step_s)[:, None]
        position = state.position + gain * (pose.keypoints - state.position)
        state.position = np.where(fresh, pose.keypoints, position).astype(np.float32)
        state.raw = pose.keypoints


def _gain(cutoff_hz: G, step_s: float) -> G:
    """The share of a new value that a low-pass filter takes in after a step of `step_s`."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff_hz * step_s))


def _person_size(pose: Pose) -> float:
    """The root of the box's area in pixels; 1 at least."""
    width, height = (pose.box_xyxy[2:] - pose.box_xyxy[:2]).tolist()
    area = width * height
    return math.sqrt(area) if area > 1.0 and math.isfinite(area) else 1.0
