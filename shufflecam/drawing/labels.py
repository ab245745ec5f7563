"""Id labels at people's heads: steady between frames, inside the picture, not overlapping.

A label attached to the highest joint jumps when an arm is raised or a joint appears or disappears. So it is
attached to the head, and follows it with a short lag.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from shufflecam.core.geometry import person_size
from shufflecam.core.pixels import square_size
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import ImageArray, Pose
from shufflecam.drawing.text import FONT, text_scale, text_weight

HEAD = ("nose", "eye", "ear", "head_top", "upper_neck")
"""Parts (without their side) that a label is attached to."""

LAG_S = 0.08
"""Time constant: a label moves two thirds of the way to its target in this time..."""

JUMP = 0.5
"""...unless that is further than this share of the person's size: then it jumps there."""

_ABOVE = 0.1  # share of the person's size from the highest joint of the head to the label's lower edge

Place = tuple[float, float]
Rectangle = tuple[int, int, int, int]
"""left, top, width, height in pixels."""


class Labels:
    """Draws the ids in consecutive pictures; one object per video, or a new one for a single picture."""

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}
        self._time_s: float | None = None
        self._gain = 1.0

    def advance(self, time_s: float) -> None:
        """Set the time of the next picture, in seconds; call before each picture."""
        step_s = 0.0 if self._time_s is None else max(0.0, time_s - self._time_s)
        self._time_s, self._gain = time_s, 1.0 - math.exp(-step_s / LAG_S)

    def draw(
        self,
        canvas: ImageArray,
        poses: Sequence[Pose],
        skeleton: Skeleton,
        kpt_thr: float,
        pixel_aspect: float,
    ) -> None:
        """Draw all ids into `canvas`.

        Args:
            canvas: (H, W, 3) uint8 BGR, writable.
            poses: their `drawn_keypoints` and `drawn_scores` locate the head, in its pixels.
            skeleton: defines the K keypoints.
            kpt_thr: keypoints below this score are ignored.
            pixel_aspect: width / height of one pixel when the picture is displayed.
        """
        named = [
            (pose.track_id, pose, place)
            for pose in poses
            if pose.track_id is not None
            if (place := anchor(pose, skeleton, kpt_thr)) is not None
        ]
        self._places = {number: self._followed(number, pose, place) for number, pose, place in named}
        taken: list[Rectangle] = []
        # From the top of the picture down, so that a label is displaced downwards, towards its person's head.
        for number, place in sorted(self._places.items(), key=lambda item: (item[1][1], item[0])):
            label = _Label(str(number), canvas, pixel_aspect)
            where = label.place(place, taken)
            if where is not None:
                taken.append(where)
                label.put(where)

    def _followed(self, number: int, pose: Pose, place: Place) -> Place:
        before = self._places.get(number)
        size = person_size(pose.box_xyxy)
        if before is None or not np.hypot(place[0] - before[0], place[1] - before[1]) < JUMP * size:
            return place
        x, y = (then + self._gain * (now - then) for then, now in zip(before, place, strict=True))
        return x, y


def anchor(pose: Pose, skeleton: Skeleton, kpt_thr: float) -> Place | None:
    """(x, y) of the centre of a label's lower edge: above the head, else the highest joint; or None."""
    points = np.asarray(pose.drawn_keypoints, np.float64)
    sure = np.isfinite(points).all(axis=1) & (np.nan_to_num(pose.drawn_scores) >= kpt_thr)
    if not sure.any():
        return None
    head = [name.removeprefix("left_").removeprefix("right_") in HEAD for name in skeleton.keypoints]
    of_head = sure & np.array(head)
    seen = points[of_head if of_head.any() else sure]
    size = person_size(pose.box_xyxy)
    x = seen[:, 0].mean() if of_head.any() else seen[seen[:, 1].argmin(), 0]
    y = seen[:, 1].min() - _ABOVE * size
    return (float(x), float(y)) if np.isfinite([x, y]).all() else None


class _Label:
    """One id, with a size that suits the picture."""

    def __init__(self, text: str, canvas: ImageArray, pixel_aspect: float) -> None:
        self._text, self._canvas, self._aspect = text, canvas, pixel_aspect
        height, width = canvas.shape[:2]
        self._scale = text_scale(square_size((width, height), pixel_aspect))
        self._weight = text_weight(self._scale)
        (text_width, self._text_height), _ = cv2.getTextSize(text, FONT, self._scale, self._weight)
        self._pad = max(2, self._text_height // 3)
        self._size = text_width + 2 * self._pad, self._text_height + 2 * self._pad
        self._across = max(1, round(self._size[0] / pixel_aspect))

    def place(self, anchor: Place, taken: list[Rectangle]) -> Rectangle | None:
        """Return its position, fully inside the picture and off other labels; None if its head is outside."""
        height, width = self._canvas.shape[:2]
        x, y = anchor
        if not (-self._across <= x <= width + self._across and -self._size[1] <= y <= height + self._size[1]):
            return None
        left, top = _within(x - self._across / 2, width - self._across), y - self._size[1]
        for _ in range(len(taken) + 1):
            where = (left, _within(top, height - self._size[1]), self._across, self._size[1])
            hit = next((other for other in taken if _overlap(where, other)), None)
            if hit is None:
                return where
            top = hit[1] + hit[3] + 1
        return where

    def put(self, where: Rectangle) -> None:
        """Draw it white on a darkened patch."""
        left, top, across, down = where
        patch = self._canvas[top : top + down, left : left + across]
        np.multiply(patch, 0.35, out=patch, casting="unsafe")
        white = (255, 255, 255)
        if self._aspect == 1.0:
            at = (left + self._pad, top + self._pad + self._text_height)
            cv2.putText(self._canvas, self._text, at, FONT, self._scale, white, self._weight, cv2.LINE_AA)
            return
        letters = np.zeros(self._size[::-1], np.uint8)
        at = (self._pad, self._pad + self._text_height)
        cv2.putText(letters, self._text, at, FONT, self._scale, 255, self._weight, cv2.LINE_AA)
        narrow = cv2.resize(letters, (across, down), interpolation=cv2.INTER_AREA)
        np.maximum(patch, narrow[: patch.shape[0], : patch.shape[1], None], out=patch)


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def _within(value: float, most: float) -> int:
    """Return `value` as an integer in 0..most (0 where `most` is negative)."""
    return int(max(0.0, min(value, most)))
