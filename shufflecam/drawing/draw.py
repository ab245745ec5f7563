"""Draws poses into pictures. Nothing here opens a window or a file.

Pictures are BGR; colours below are written as RGB, for readability. Coordinates are continuous pixels with
pixel centres at integers; lines have sub-pixel ends and are clipped to the picture before they are passed to
OpenCV, because it overflows on coordinates far outside.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from shufflecam.core.geometry import clip_segment
from shufflecam.core.pixels import square_size
from shufflecam.core.skeleton import MIDDLE, Skeleton
from shufflecam.core.types import FloatArray, ImageArray, Pose
from shufflecam.drawing.faces import hide_faces
from shufflecam.drawing.labels import Labels
from shufflecam.drawing.look import PALETTES, RGB, STYLES, Look

Doubles = npt.NDArray[np.float64]


_HEAD = ("nose", "eye", "ear")
_SHIFT = 4  # OpenCV's fixed-point coordinates: sixteenths of a pixel
_DARK = (30, 30, 30)

_NECK_LINKS = (
    "neck-right_shoulder right_shoulder-right_elbow right_elbow-right_wrist "
    "neck-left_shoulder left_shoulder-left_elbow left_elbow-left_wrist "
    "neck-right_hip right_hip-right_knee right_knee-right_ankle "
    "neck-left_hip left_hip-left_knee left_knee-left_ankle "
    "neck-nose nose-right_eye right_eye-right_ear nose-left_eye left_eye-left_ear"
)
"""OpenPose's COCO model."""


def line_thickness(size: tuple[float, float]) -> float:
    """Return the thickness of links in pixels for a picture of (width, height): 2 at 480 lines, 4 at 1080."""
    return max(1.0, 0.0037 * min(size))


def draw(
    image: ImageArray,
    poses: Iterable[Pose],
    skeleton: Skeleton,
    look: Look | None = None,
    *,
    in_place: bool = False,
    pixel_aspect: float = 1.0,
    labels: Labels | None = None,
) -> ImageArray:
    """Draw people into a picture, except those with fewer visible joints than `look.fewest_joints`.

    Args:
        image: (H, W, 3) uint8 BGR.
        poses: their `drawn_keypoints` (K, 2) are used: the smoothed ones if present.
        skeleton: defines the K keypoints.
        look: style and contents; None: `Look()`.
        in_place: draw into `image` itself (it must be writable and contiguous) and return it;
                otherwise `image` is not modified and a copy is returned.
        pixel_aspect: width / height of one pixel when the picture is displayed: dots are then round and lines
            equally thick in every direction.
        labels: keeps the positions of ids between frames, so that they are steady; None: a single
            picture.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    look = look or Look()
    canvas = image if in_place else np.ascontiguousarray(image).copy()
    poses = list(poses)
    if look.skeleton_only:
        canvas[:] = 0
    elif look.blur_faces:
        hide_faces(canvas, poses, skeleton, look.upright, pixel_aspect)
    unit = line_thickness(square_size((canvas.shape[1], canvas.shape[0]), pixel_aspect))
    if look.thickness is not None:
        unit = look.thickness / STYLES[look.style].line
    brush = _Brush(canvas, skeleton, look, unit, pixel_aspect)
    fewest = min(look.fewest_joints, len(skeleton.keypoints))
    shown = [pose for pose in poses if shown_joints(pose, look.kpt_thr).sum() >= fewest]
    for pose in shown:
        if look.boxes:
            brush.box(pose.box_xyxy)
        brush.pose(pose)
    # All labels last: one person's arm must not hide another's id.
    if look.ids:
        (labels or Labels()).draw(canvas, shown, skeleton, look.kpt_thr, pixel_aspect)
    return canvas


def shown_joints(pose: Pose, kpt_thr: float) -> npt.NDArray[np.bool_]:
    """(K,) whether each joint exists and scores high enough to be drawn."""
    there = np.isfinite(pose.drawn_keypoints).all(axis=1)
    return np.asarray(there & (np.nan_to_num(pose.drawn_scores) >= kpt_thr))


def edge_side(skeleton: Skeleton, a: int, b: int) -> str:
    """Return the side whose colour a link has: its own for limbs, the middle for head and trunk."""
    names = [skeleton.keypoints[a], skeleton.keypoints[b]]
    if any(_is_head(name) for name in names) or {_part(name) for name in names} == {"shoulder", "hip"}:
        return MIDDLE
    sides = {skeleton.side(a), skeleton.side(b)} - {MIDDLE}
    return sides.pop() if len(sides) == 1 else MIDDLE


def joint_side(skeleton: Skeleton, joint: int) -> str:
    """Return the side whose colour a joint has: its own, but the middle for the head."""
    return MIDDLE if _is_head(skeleton.keypoints[joint]) else skeleton.side(joint)


def _is_head(name: str) -> bool:
    return _part(name) in _HEAD


def _part(name: str) -> str:
    return name.removeprefix("left_").removeprefix("right_")


class _Brush:
    """Draws one look into one picture."""

    def __init__(
        self, canvas: ImageArray, skeleton: Skeleton, look: Look, unit: float, pixel_aspect: float
    ) -> None:
        self._canvas, self._skeleton, self._look, self._unit = canvas, skeleton, look, unit
        self._aspect = pixel_aspect
        self._manner = STYLES[look.style]
        self._sides = {side: rgb[::-1] for side, rgb in PALETTES[look.palette].items()}
        self._has_neck = self._manner.colors == "rainbow" and {"left_shoulder", "right_shoulder"} <= set(
            skeleton.keypoints
        )

    def pose(self, pose: Pose) -> None:
        """Draw one person: first the links, then the joints on top."""
        points = np.asarray(pose.drawn_keypoints, np.float64)
        visible = shown_joints(pose, self._look.kpt_thr)
        names = self._skeleton.keypoints
        edges = self._skeleton.edges
        if self._has_neck and "thorax" not in names:
            points, visible, edges = with_neck(points, visible, self._skeleton)
        thickness = self._manner.line * self._unit
        shown = [pair for pair in enumerate(edges) if visible[pair[1][0]] and visible[pair[1][1]]]
        if self._look.edges:
            if self._manner.rim and not self._manner.joint:  # links without joints
                for _, (a, b) in shown:
                    self._line(points[a], points[b], _DARK, thickness + max(2.0, thickness))
            for number, (a, b) in shown:
                self._line(points[a], points[b], self._edge_color(number, len(edges), a, b), thickness)
        if self._look.joints and self._manner.joint:
            for joint in np.flatnonzero(visible).tolist():
                self._dot(points[joint], self._joint_color(joint, len(points)), thickness)

    def box(self, box_xyxy: FloatArray) -> None:
        """Draw a person's box."""
        if not np.isfinite(box_xyxy).all():
            return
        x1, y1, x2, y2 = np.asarray(box_xyxy, np.float64)
        corners = [np.array(corner) for corner in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))]
        color = (255, 255, 255) if self._manner.colors == "white" else self._sides[MIDDLE]
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            self._line(a, b, color, max(1.0, self._unit / 2))

    def _edge_color(self, number: int, count: int, a: int, b: int) -> RGB:
        if self._manner.colors == "sides":
            return self._sides[edge_side(self._skeleton, a, b)]
        return (255, 255, 255) if self._manner.colors == "white" else _hue(number / count, 0.6)

    def _joint_color(self, joint: int, count: int) -> RGB:
        if self._manner.colors == "sides":
            return self._sides[joint_side(self._skeleton, joint)]
        return _hue(joint / count, 1.0)

    def _line(self, a: FloatArray, b: FloatArray, color: RGB, thickness: float) -> None:
        canvas = self._canvas
        margin = (thickness + 2) * max(1.0, 1.0 / self._aspect)
        cut = clip_segment(a, b, (canvas.shape[1], canvas.shape[0]), margin=margin)
        if cut is None:
            return
        if self._aspect != 1.0:
            start, end = (np.asarray(place, np.float64) for place in cut)
            outline = np.rint(_stroke(start, end, max(1, round(thickness)), self._aspect) * (1 << _SHIFT))
            cv2.fillConvexPoly(canvas, outline.astype(np.int32), color, cv2.LINE_AA, _SHIFT)
            return
        ends = [[round(value * (1 << _SHIFT)) for value in end.tolist()] for end in cut]
        cv2.line(canvas, ends[0], ends[1], color, max(1, round(thickness)), cv2.LINE_AA, _SHIFT)

    def _dot(self, point: FloatArray, color: RGB, thickness: float) -> None:
        radius = max(2.0, self._unit * self._manner.joint)
        width, height = self._canvas.shape[1], self._canvas.shape[0]
        x, y = float(point[0]), float(point[1])
        reach = (radius + 2) * max(1.0, 1.0 / self._aspect)
        if not (-reach <= x <= width + reach and -reach <= y <= height + reach):
            return
        center = (round(x * (1 << _SHIFT)), round(y * (1 << _SHIFT)))
        # A dark rim keeps a joint visible on its own link and on a background of the same colour.
        if self._manner.rim and thickness >= 1.5:
            self._disc(center, radius + max(1.0, thickness * 0.35), _DARK)
        self._disc(center, radius, color)

    def _disc(self, center: tuple[int, int], radius: float, color: RGB) -> None:
        """Draw a disc that is round when displayed; `center` in sixteenths of a pixel."""
        across, down = (round(r * (1 << _SHIFT)) for r in (radius / self._aspect, radius))
        if across == down:
            cv2.circle(self._canvas, center, down, color, cv2.FILLED, cv2.LINE_AA, _SHIFT)
        else:
            axes = (across, down)
            cv2.ellipse(self._canvas, center, axes, 0, 0, 360, color, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _stroke(a: Doubles, b: Doubles, thickness: float, pixel_aspect: float) -> Doubles:
    """(M, 2) outline of a line with round caps, `thickness` thick when the picture is displayed."""
    shape = np.array([pixel_aspect, 1.0])
    along = (b - a) * shape
    angle = math.atan2(along[1], along[0])
    half_turn = np.linspace(-np.pi / 2, np.pi / 2, 9)
    turns = angle + np.concatenate([half_turn, half_turn + np.pi])
    rim = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (thickness / 2) / shape
    # OpenCV's polygons extend half a pixel beyond their outline.
    rim = np.copysign(np.maximum(np.abs(rim) - 0.5, 0.0), rim)
    return np.asarray(np.repeat([b, a], 9, axis=0) + rim)


def with_neck(
    points: Doubles, visible: npt.NDArray[np.bool_], skeleton: Skeleton
) -> tuple[Doubles, npt.NDArray[np.bool_], tuple[tuple[int, int], ...]]:
    """Return joints and links as in OpenPose: with a neck, an extra joint halfway between the shoulders.

    Args:
        points: (K, 2).
        visible: (K,) bool.
        skeleton: COCO's 17 joints.

    Returns:
        points (K + 1, 2), visible (K + 1,), links: trunk and head are connected to the neck.
    """
    index = {name: i for i, name in enumerate(skeleton.keypoints)}
    left, right, neck = index["left_shoulder"], index["right_shoulder"], len(skeleton.keypoints)
    points = np.concatenate([points, (points[left] + points[right])[None] / 2])
    visible = np.append(visible, visible[left] and visible[right])
    index["neck"] = neck
    links = [(index[a], index[b]) for a, b in (pair.split("-") for pair in _NECK_LINKS.split())]
    return points, visible, tuple(links)


def _hue(turn: float, brightness: float) -> RGB:
    """Return a saturated colour, BGR: red, yellow, green, ... as `turn` goes from 0 to 1."""
    red, green, blue = colorsys.hsv_to_rgb(turn, 1.0, brightness)
    return round(blue * 255), round(green * 255), round(red * 255)
