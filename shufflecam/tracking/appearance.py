"""Appearance of a person's clothes: colour histograms of the torso and the thighs.

Cheap (some 150 pixels per person), and sufficient to distinguish people in different clothes who cross or
occlude each other; people in the same clothes look the same to it, and then it decides nothing.
"""

from __future__ import annotations

import numpy as np

from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import SCORE_FLOOR, FloatArray, ImageArray, Pose

BINS = 8
"""For lightness and each of two opponent colours; a sample is split between its two nearest bins."""

_ACROSS, _DOWN = 7, 9
_ALONG = 12

TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
THIGHS = (("left_hip", "left_knee"), ("right_hip", "right_knee"))


def appearance(image: ImageArray, pose: Pose, skeleton: Skeleton) -> FloatArray:
    """(2, 3, BINS) float32: histograms of torso and thighs, each summing to 1; NaN where a part is hidden.

    Args:
        image: (H, W, 3) uint8 BGR.
        pose: in its pixels.
        skeleton: defines the K keypoints.
    """
    index = {name: i for i, name in enumerate(skeleton.keypoints)}
    sure = pose.scores > SCORE_FLOOR
    found = np.full((2, 3, BINS), np.nan, np.float32)
    torso = [index[name] for name in TORSO if name in index]
    if len(torso) == len(TORSO) and sure[torso].all():
        found[0] = _histograms(image, _patch(pose.keypoints[torso]))
    thighs = [(index[a], index[b]) for a, b in THIGHS if a in index and b in index]
    lines = [_line(pose.keypoints[a], pose.keypoints[b]) for a, b in thighs if sure[a] and sure[b]]
    if lines:
        found[1] = _histograms(image, np.concatenate(lines))
    return found


def resemblance(a: FloatArray, b: FloatArray) -> FloatArray:
    """(...) similarity of appearances (..., 2, 3, BINS), 0..1: the mean Bhattacharyya coefficient.

    NaN if no part is visible in both.
    """
    parts = np.sqrt(a * b).sum(axis=-1).mean(axis=-1)
    seen = np.isfinite(parts)
    count = seen.sum(axis=-1)
    total = np.where(seen, parts, 0.0).sum(axis=-1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan), np.float32)


def learn(known: FloatArray, seen: FloatArray, gain: float) -> FloatArray:
    """Update a known appearance with a new one; parts never seen before are copied."""
    mixed = known + gain * (seen - known)
    return np.where(np.isfinite(mixed), mixed, np.where(np.isfinite(known), known, seen)).astype(np.float32)


def _patch(corners: FloatArray) -> FloatArray:
    """(N, 2) points inside the quadrilateral of left and right shoulder, left and right hip."""
    across = np.linspace(0.15, 0.85, _ACROSS, dtype=np.float32)[None, :, None]
    down = np.linspace(0.1, 0.9, _DOWN, dtype=np.float32)[:, None, None]
    top = corners[0] + across * (corners[1] - corners[0])
    bottom = corners[2] + across * (corners[3] - corners[2])
    return (top + down * (bottom - top)).reshape(-1, 2)


def _line(a: FloatArray, b: FloatArray) -> FloatArray:
    return (a + np.linspace(0.15, 0.85, _ALONG, dtype=np.float32)[:, None] * (b - a)).reshape(-1, 2)


def _histograms(image: ImageArray, points: FloatArray) -> FloatArray:
    """(3, BINS) of the pixels at (N, 2) points; NaN if fewer than half of them are in the picture."""
    height, width = image.shape[:2]
    column, row = np.rint(np.nan_to_num(points, nan=-1.0)).astype(np.int64).T
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    if inside.sum() * 2 < len(points):
        return np.full((3, BINS), np.nan, np.float32)
    blue, green, red = image[row[inside], column[inside]].astype(np.float32).T
    channels = np.stack(
        [
            (red + green + blue) / 3.0,
            (red - green) * 0.75 + 128.0,
            (0.5 * (red + green) - blue) * 0.75 + 128.0,
        ]
    )
    place = np.clip(channels, 0, 255) * ((BINS - 1) / 255.0)
    low = np.minimum(place.astype(np.int64), BINS - 2)
    share = place - low
    bins = low + BINS * np.arange(3)[:, None]
    counts = np.bincount(bins.ravel(), (1.0 - share).ravel(), 3 * BINS)
    counts += np.bincount(bins.ravel() + 1, share.ravel(), 3 * BINS)
    return (counts.reshape(3, BINS) / inside.sum()).astype(np.float32)
