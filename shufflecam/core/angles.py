"""Joint angles from keypoints: measured in the image plane, so valid only for movement across the view.

Axes: x right, y down. An inner angle is the angle between the two bones that meet at a joint: 180 degrees is
straight. `docs/angles.md` defines each for people.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shufflecam.core.pixels import to_square
from shufflecam.core.types import FloatArray

Doubles = npt.NDArray[np.float64]

INNER: dict[str, tuple[str, str, str]] = {
    f"{side}_{joint}": (f"{side}_{a}", f"{side}_{joint}", f"{side}_{b}")
    for side in ("left", "right")
    for joint, a, b in (
        ("elbow", "shoulder", "wrist"),
        ("shoulder", "hip", "elbow"),
        ("hip", "shoulder", "knee"),
        ("knee", "hip", "ankle"),
    )
}
"""Angle -> the three keypoints that define it; the second is the vertex."""

LEANS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "trunk_lean": (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")),
}
"""Angle -> two pairs of keypoints; the line between their midpoints, relative to the vertical."""

ANGLES = (*INNER, *LEANS)
"""The names, in the order of the columns of every table."""


def joint_angles(keypoints: FloatArray, names: Sequence[str], pixel_aspect: float = 1.0) -> dict[str, float]:
    """Return all `ANGLES` in degrees; NaN where a keypoint is missing or two of them coincide.

    Args:
        keypoints: (K, 2) pixels, NaN where missing.
        names: of the K keypoints.
        pixel_aspect: width / height of a pixel when the picture is displayed.

    Returns:
        Inner angles in 0..180; leans in -180..180, positive towards the right of the picture.
    """
    points = to_square(keypoints, pixel_aspect).astype(np.float64)
    place = {name: points[index] for index, name in enumerate(names)}
    unknown = np.full(2, np.nan)

    def at(name: str) -> Doubles:
        found: Doubles = place.get(name, unknown)
        return found

    angles = {name: _inner(at(a), at(b), at(c)) for name, (a, b, c) in INNER.items()}
    for name, (low, high) in LEANS.items():
        angles[name] = _lean((at(low[0]) + at(low[1])) / 2, (at(high[0]) + at(high[1])) / 2)
    return angles


def _inner(a: Doubles, vertex: Doubles, b: Doubles) -> float:
    first, second = a - vertex, b - vertex
    if not (np.isfinite(first).all() and np.isfinite(second).all() and first.any() and second.any()):
        return float("nan")
    # atan2 and not acos: exact near 0 and 180 degrees too.
    cross = first[0] * second[1] - first[1] * second[0]
    return float(np.degrees(np.arctan2(abs(cross), first @ second)))


def _lean(low: Doubles, high: Doubles) -> float:
    step = high - low
    if not np.isfinite(step).all() or not step.any():
        return float("nan")
    return float(np.degrees(np.arctan2(step[0], -step[1])))
