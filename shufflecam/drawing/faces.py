"""Hides faces: locates a person's face from keypoints or box, and pixelates it.

Errs on the side of hiding: a head seen from behind is hidden too, and where the keypoints are inconclusive
the upper part of the person's box is. Only detected people can be hidden.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from shufflecam.core.pixels import poses_to_square
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import ImageArray, Pose

Doubles = npt.NDArray[np.float64]

FACE_THR = 0.15
"""Joints below this score do not locate a face. Lower than the drawing threshold: better to hide too much."""

HOLD_S = 1.0
"""How long the face area of a lost person stays hidden; the tracker waits about as long."""

DOUBTFUL = 0.35
"""Mean score of the face's joints below which the upper part of the box is hidden as well."""

CELLS = 6
"""Maximum number of cells across a face. With `_LEVELS` a face keeps 36 colours of nine bits, whatever the
picture's size: too little to recognise a face, also for programs that reconstruct faces."""

_LEVELS = 8
_UP = {0: (0, -1), 90: (-1, 0), 180: (0, 1), 270: (1, 0)}
"""Clockwise degrees that make people upright -> where their heads point in the unrotated picture."""

_SMALLEST_CELL = 6  # px; a face of 20 px becomes nine cells

_FACE_JOINTS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head_top", "upper_neck")

# Distance between two joints, at its longest over all viewing directions -> the radius of a circle around the
# middle of the face that covers head and chin with a margin (0.15 m on an adult: ears 0.15 m apart, eyes
# 0.065, shoulder joints 0.36, shoulder to hip 0.5; Drillis & Contini 1966 for the trunk).
_RADIUS_OF = (
    ("left_ear", "right_ear", 1.0),
    ("left_eye", "right_eye", 2.3),
    ("nose", "left_ear", 1.25),
    ("nose", "right_ear", 1.25),
    ("head_top", "upper_neck", 0.65),
    ("left_shoulder", "right_shoulder", 0.42),
    ("left_shoulder", "left_hip", 0.3),
    ("right_shoulder", "right_hip", 0.3),
)

_ABOVE_SHOULDERS = (0.9, 1.6)
"""From the middle of the shoulders to the chin and to the middle of the face, in radii of the face."""


@dataclass(frozen=True)
class Area:
    """An area to hide: a disc around each centre, or a rectangle."""

    centers: Doubles
    """(N, 2) square pixels; empty for a rectangle."""
    radius: float
    box_xyxy: tuple[float, float, float, float]
    """Bounding box of the area."""


def face_areas(pose: Pose, skeleton: Skeleton, upright: int = 0) -> list[Area]:
    """Return where this person's face is or may be; empty if neither joints nor box are finite.

    Pose and areas are in square pixels. The raw keypoints are used, not the smoothed ones: they locate the
    face in this very picture. If they are unsure, or outside the person's own box (another person's face),
    both areas are returned. `upright` is the clockwise rotation in degrees that makes people upright.
    """
    head_up = _UP[upright]
    points = np.asarray(pose.keypoints, np.float64)
    scores = np.nan_to_num(np.asarray(pose.scores, np.float64))
    sure = np.isfinite(points).all(axis=1) & (scores >= FACE_THR)
    seen = {name: points[i] for i, name in enumerate(skeleton.keypoints) if sure[i]}
    box = np.asarray(pose.box_xyxy, np.float64)
    has_box = bool(np.isfinite(box).all())
    radius = _radius(seen, box if has_box else None)
    joints = [i for i, name in enumerate(skeleton.keypoints) if name in _FACE_JOINTS and sure[i]]
    centers = [points[i] for i in joints]
    doubtful = len(joints) < 2 or float(scores[joints].mean()) < DOUBTFUL
    if has_box and joints:
        x, y = np.median(points[joints], axis=0)
        doubtful |= not (box[0] <= x <= box[2] and box[1] <= y <= box[3])
    if radius > 0 and len(centers) < 3 and (above := _above_shoulders(seen, radius, head_up)):
        centers += above
        doubtful = False
    if len(centers) > 2:
        centers.append(np.median(centers, axis=0))
    areas = [_upper_part(box, head_up)] if has_box and (doubtful or radius <= 0 or not centers) else []
    if radius > 0 and centers:
        at: Doubles = np.array(centers)
        (left, top), (right, bottom) = at.min(axis=0) - radius, at.max(axis=0) + radius
        areas.append(Area(at, radius, (float(left), float(top), float(right), float(bottom))))
    return areas


def hide_faces(
    canvas: ImageArray,
    poses: Iterable[Pose],
    skeleton: Skeleton,
    upright: int = 0,
    pixel_aspect: float = 1.0,
) -> None:
    """Pixelate all faces in (H, W, 3) uint8, in place and irreversibly.

    `pixel_aspect` is width / height of one pixel when the picture is displayed.
    """
    for pose in poses_to_square(poses, pixel_aspect):
        for area in face_areas(pose, skeleton, upright):
            _pixelate(canvas, area, pixel_aspect)


class FaceMemory:
    """Remembers recent people: someone missed in one picture must not have their face shown in it."""

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self._last: dict[int, tuple[float, Pose]] = {}

    def missing(self, poses: Sequence[Pose], timestamp_s: float) -> list[Pose]:
        """Return the last poses of people with ids who are not in `poses` but were in the last `hold_s`."""
        for pose in poses:
            if pose.track_id is not None:
                self._last[pose.track_id] = (timestamp_s, pose)
        self._last = {
            number: (seen_s, pose)
            for number, (seen_s, pose) in self._last.items()
            if 0 <= timestamp_s - seen_s <= self._hold_s
        }
        here = {pose.track_id for pose in poses}
        return [pose for number, (_, pose) in self._last.items() if number not in here]


def _radius(seen: dict[str, Doubles], box: Doubles | None) -> float:
    """Return the radius of a disc that covers the head, in pixels; 0 with too few joints."""
    radius = max(
        (
            float(np.linalg.norm(seen[a] - seen[b])) * factor
            for a, b, factor in _RADIUS_OF
            if a in seen and b in seen
        ),
        default=0.0,
    )
    if box is None:
        return radius
    # A misplaced joint must not hide the entire picture: no face is larger than its person's box.
    return min(radius, 0.6 * float(max(box[2] - box[0], box[3] - box[1])))


def _above_shoulders(seen: dict[str, Doubles], radius: float, head_up: tuple[int, int]) -> list[Doubles]:
    """Return the likely positions of a barely visible face, from shoulders and hips."""
    shoulders = [seen[name] for name in ("left_shoulder", "right_shoulder") if name in seen]
    if not shoulders:
        return []
    hips = [seen[name] for name in ("left_hip", "right_hip") if name in seen]
    middle = np.mean(shoulders, axis=0)
    up = middle - np.mean(hips, axis=0) if hips else np.array(head_up, np.float64)
    length = float(np.linalg.norm(up))
    up = up / length if length else np.array(head_up, np.float64)
    return [np.asarray(middle + up * share * radius) for share in _ABOVE_SHOULDERS]


def _upper_part(box: Doubles, head_up: tuple[int, int]) -> Area:
    """Return a quarter of a standing person's box, more of a wider one, all of a lying one (see tests)."""
    x1, y1, x2, y2 = box.tolist()
    x, y = head_up
    tall, wide = (y2 - y1, x2 - x1) if y else (x2 - x1, y2 - y1)
    part = min(tall, max(0.25 * tall, 0.6 * wide))
    left, right = (x1, x1 + part) if x < 0 else (x2 - part, x2) if x > 0 else (x1, x2)
    top, bottom = (y1, y1 + part) if y < 0 else (y2 - part, y2) if y > 0 else (y1, y2)
    return Area(np.zeros((0, 2)), 0.5 * min(part, wide), (left, top, right, bottom))


def _pixelate(canvas: ImageArray, area: Area, pixel_aspect: float) -> None:
    height, width = canvas.shape[:2]
    left, top, right, bottom = area.box_xyxy
    x1, y1 = (max(0, math.floor(min(value, 1e9))) for value in (left / pixel_aspect, top))
    x2 = min(width, math.ceil(max(-1.0, right / pixel_aspect)) + 1)
    y2 = min(height, math.ceil(max(-1.0, bottom)) + 1)
    if x2 <= x1 or y2 <= y1:
        return
    patch = canvas[y1:y2, x1:x2]
    cell = max(_SMALLEST_CELL, math.ceil(2 * min(area.radius, 1e6) / CELLS))
    few = (max(1, round((x2 - x1) * pixel_aspect / cell)), max(1, round((y2 - y1) / cell)))
    step = 256 // _LEVELS
    small = cv2.resize(patch, few, interpolation=cv2.INTER_AREA) // step * step + step // 2
    coarse = cv2.resize(small, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
    if not len(area.centers):
        patch[:] = coarse
        return
    rows, columns = np.ogrid[y1:y2, x1:x2]
    inside = np.zeros(patch.shape[:2], bool)
    for x, y in area.centers.tolist():
        inside |= (columns * pixel_aspect - x) ** 2 + (rows - y) ** 2 <= area.radius**2
    patch[inside] = coarse[inside]
