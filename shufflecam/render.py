"""Drawing: a picture and poses in, a picture out. Nothing here opens a window or a file.

Pictures are BGR, colours below are written as RGB, as people know them. Coordinates are continuous
pixels with the pixel centres at integers; lines are drawn with sub-pixel ends and cut to the picture
before OpenCV sees them, because it overflows on numbers far outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from shufflecam.core.skeleton import LEFT, MIDDLE, RIGHT, Skeleton
from shufflecam.core.types import FloatArray, ImageArray, Pose

Palette = Literal["classic", "colorblind"]
RGB = tuple[int, int, int]

PALETTES: Mapping[str, Mapping[str, RGB]] = {
    # What people know from the OpenMMLab family.
    "classic": {LEFT: (0, 255, 0), RIGHT: (255, 128, 0), MIDDLE: (51, 153, 255)},
    # Okabe & Ito 2008: told apart with every kind of colour blindness, and by brightness.
    "colorblind": {LEFT: (86, 180, 233), RIGHT: (213, 94, 0), MIDDLE: (240, 228, 66)},
}

_HEAD = ("nose", "eye", "ear")
_SHIFT = 4  # OpenCV's sub-pixel drawing: coordinates in sixteenths of a pixel
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Style:
    """How poses look. Sizes follow the picture unless `thickness` says otherwise."""

    palette: Palette = "classic"
    kpt_thr: float = 0.3
    """Joints below this score are not drawn, nor the links that end in them."""
    joints: bool = True
    edges: bool = True
    ids: bool = True
    """A small label with the id at each tracked person's head."""
    boxes: bool = False
    background: bool = True
    """False draws on black."""
    thickness: float | None = None
    """Of links, in pixels; None: by the picture's size."""


def line_thickness(size: tuple[int, int]) -> float:
    """The thickness of links in pixels for a picture of (width, height): 2 at 480 lines, 4 at 1080."""
    return max(1.0, 0.0037 * min(size))


def draw(
    image: ImageArray,
    poses: Iterable[Pose],
    skeleton: Skeleton,
    style: Style | None = None,
    *,
    in_place: bool = False,
) -> ImageArray:
    """Draw people into a picture.

    Args:
        image: (H, W, 3) uint8 BGR.
        poses: whose `drawn_keypoints` (K, 2) are used: the smoothed ones where there are any.
        skeleton: what the K keypoints are.
        style: how it looks; None is `Style()`.
        in_place: draw into `image` itself (it must be writable and contiguous) and return it;
            otherwise `image` stays as it is and a copy is returned.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    style = style or Style()
    canvas = image if in_place else np.ascontiguousarray(image).copy()
    if not style.background:
        canvas[:] = 0
    size = (canvas.shape[1], canvas.shape[0])
    thickness = style.thickness if style.thickness is not None else line_thickness(size)
    colors = {side: rgb[::-1] for side, rgb in PALETTES[style.palette].items()}
    # All labels last: one person's arm must not hide another's number.
    poses = list(poses)
    for pose in poses:
        if style.boxes:
            _draw_box(canvas, pose.box_xyxy, colors[MIDDLE], thickness)
        _draw_pose(canvas, pose, skeleton, style, colors, thickness)
    if style.ids:
        for pose in poses:
            _draw_id(canvas, pose, style.kpt_thr)
    return canvas


def draw_hud(image: ImageArray, lines: str | Sequence[str], *, in_place: bool = False) -> ImageArray:
    """Lines of plain text (ASCII) in the upper left corner, on a darkened strip: readable on any picture.

    Args and result as in `draw`. What does not fit into the picture's width is made smaller, then cut.
    """
    canvas = image if in_place else np.ascontiguousarray(image).copy()
    lines = [lines] if isinstance(lines, str) else list(lines)
    height, width = canvas.shape[:2]
    scale = _text_scale((width, height))
    weight = _text_weight(scale)
    widest = max((cv2.getTextSize(line, _FONT, scale, weight)[0][0] for line in lines), default=0)
    if widest > width * 0.96:
        scale = max(0.3, scale * width * 0.96 / widest)
        weight = _text_weight(scale)
    line_height = math.ceil(cv2.getTextSize("Ag", _FONT, scale, weight)[0][1] * 1.9)
    strip = canvas[: line_height * len(lines) + line_height // 3]
    # Two fifths of the brightness: white text keeps a contrast of more than 5 to 1 on white paper.
    np.multiply(strip, 0.4, out=strip, casting="unsafe")
    for row, line in enumerate(lines):
        at = (round(width * 0.01) + 2, round(line_height * (row + 0.85)))
        cv2.putText(canvas, line, at, _FONT, scale, (255, 255, 255), weight, cv2.LINE_AA)
    return canvas


def edge_side(skeleton: Skeleton, a: int, b: int) -> str:
    """Whose colour a link has: a limb its side's; the head's and the trunk's links the middle's."""
    names = [skeleton.keypoints[a], skeleton.keypoints[b]]
    if any(_is_head(name) for name in names) or {_part(name) for name in names} == {"shoulder", "hip"}:
        return MIDDLE
    sides = {skeleton.side(a), skeleton.side(b)} - {MIDDLE}
    return sides.pop() if len(sides) == 1 else MIDDLE


def joint_side(skeleton: Skeleton, joint: int) -> str:
    """Whose colour a joint has: its side's, but the head's the middle's."""
    return MIDDLE if _is_head(skeleton.keypoints[joint]) else skeleton.side(joint)


def _is_head(name: str) -> bool:
    return _part(name) in _HEAD


def _part(name: str) -> str:
    return name.removeprefix("left_").removeprefix("right_")


def _draw_pose(
    canvas: ImageArray,
    pose: Pose,
    skeleton: Skeleton,
    style: Style,
    colors: Mapping[str, RGB],
    thickness: float,
) -> None:
    points = np.asarray(pose.drawn_keypoints, np.float64)
    visible = np.isfinite(points).all(axis=1) & (np.nan_to_num(pose.scores) >= style.kpt_thr)
    if style.edges:
        for a, b in skeleton.edges:
            if visible[a] and visible[b]:
                _line(canvas, points[a], points[b], colors[edge_side(skeleton, a, b)], thickness)
    if style.joints:
        for joint in np.flatnonzero(visible).tolist():
            _dot(canvas, points[joint], colors[joint_side(skeleton, joint)], thickness)


def _line(canvas: ImageArray, a: FloatArray, b: FloatArray, color: RGB, thickness: float) -> None:
    cut = clip_segment(a, b, (canvas.shape[1], canvas.shape[0]), margin=thickness + 2)
    if cut is not None:
        ends = [[round(value * (1 << _SHIFT)) for value in end.tolist()] for end in cut]
        cv2.line(canvas, ends[0], ends[1], color, max(1, round(thickness)), cv2.LINE_AA, _SHIFT)


def _dot(canvas: ImageArray, point: FloatArray, color: RGB, thickness: float) -> None:
    radius = max(2.0, thickness * 1.6)
    width, height = canvas.shape[1], canvas.shape[0]
    x, y = float(point[0]), float(point[1])
    reach = radius + 2
    if not (-reach <= x <= width + reach and -reach <= y <= height + reach):
        return
    center = (round(x * (1 << _SHIFT)), round(y * (1 << _SHIFT)))
    # A dark rim keeps a joint visible on its own link and on a background of its colour.
    if thickness >= 1.5:
        rim = round((radius + max(1.0, thickness * 0.35)) * (1 << _SHIFT))
        cv2.circle(canvas, center, rim, (30, 30, 30), cv2.FILLED, cv2.LINE_AA, _SHIFT)
    cv2.circle(canvas, center, round(radius * (1 << _SHIFT)), color, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _draw_box(canvas: ImageArray, box_xyxy: FloatArray, color: RGB, thickness: float) -> None:
    if not np.isfinite(box_xyxy).all():
        return
    x1, y1, x2, y2 = np.asarray(box_xyxy, np.float64)
    corners = [np.array(corner) for corner in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))]
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        _line(canvas, a, b, color, max(1.0, thickness / 2))


def _draw_id(canvas: ImageArray, pose: Pose, kpt_thr: float) -> None:
    if pose.track_id is None:
        return
    points = np.asarray(pose.drawn_keypoints, np.float64)
    visible = points[np.isfinite(points).all(axis=1) & (np.nan_to_num(pose.scores) >= kpt_thr)]
    if not len(visible):
        return
    height, width = canvas.shape[:2]
    if visible[:, 0].max() < 0 or visible[:, 0].min() > width or visible[:, 1].max() < 0:
        return
    text = str(pose.track_id)
    scale = _text_scale((width, height))
    weight = _text_weight(scale)
    (text_width, text_height), _ = cv2.getTextSize(text, _FONT, scale, weight)
    pad = max(2, text_height // 3)
    top = visible[visible[:, 1].argmin()]
    # Above the highest joint by a head's room, and wholly within the picture.
    left = _within(top[0] - text_width / 2 - pad, width - text_width - 2 * pad)
    upper = _within(top[1] - 3.2 * text_height - pad, height - text_height - 2 * pad)
    patch = canvas[upper : upper + text_height + 2 * pad, left : left + text_width + 2 * pad]
    np.multiply(patch, 0.35, out=patch, casting="unsafe")
    at = (left + pad, upper + pad + text_height)
    cv2.putText(canvas, text, at, _FONT, scale, (255, 255, 255), weight, cv2.LINE_AA)


def _within(value: float, most: float) -> int:
    """`value` as a whole number in 0..most (0 where `most` is negative)."""
    return int(max(0.0, min(value, most)))


def _text_scale(size: tuple[int, int]) -> float:
    """OpenCV's font scale: capitals of about 11 px at 480 lines, 22 px at 1080."""
    return max(0.35, 0.5 * min(size) / 480)


def _text_weight(scale: float) -> int:
    return max(1, round(scale * 1.6))


def clip_segment(
    a: FloatArray, b: FloatArray, size: tuple[int, int], margin: float = 0.0
) -> tuple[FloatArray, FloatArray] | None:
    """The part of the segment a-b within a picture of (width, height) and a margin around it, or None.

    Liang & Barsky 1984, in floating point: any finite coordinates will do.
    """
    low, high = (-margin, -margin), (size[0] - 1 + margin, size[1] - 1 + margin)
    start, end, delta = a.tolist(), b.tolist(), (b - a).tolist()
    if all(low[axis] <= value[axis] <= high[axis] for value in (start, end) for axis in (0, 1)):
        return a, b  # nearly always
    enter, leave = 0.0, 1.0
    for axis in (0, 1):
        if delta[axis] == 0:
            if not low[axis] <= start[axis] <= high[axis]:
                return None
            continue
        first, second = (low[axis] - start[axis]) / delta[axis], (high[axis] - start[axis]) / delta[axis]
        enter, leave = max(enter, min(first, second)), min(leave, max(first, second))
    if enter > leave:
        return None
    # Clipped once more: far away, a + t * delta is off by more than the margin.
    return np.clip(a + enter * (b - a), low, high), np.clip(a + leave * (b - a), low, high)
