"""Looking at a part of the picture, or at the picture turned: poses are found there and told in the whole.

Axes: x right, y down, pixel centres at integers, so that the last column of a picture of width w is w - 1.
Boxes are edges: the whole picture's is 0, 0, w, h.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import FloatArray, Frame, FrameResult, ImageArray, Pose
from shufflecam.finder.finder import PoseFinder, Provenance

ROTATIONS = (0, 90, 180, 270)

_CV_CODES = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True)
class View:
    """A part of the picture, then turned."""

    crop: tuple[int, int, int, int] | None = None
    """x, y, width, height in pixels of the upright picture; None: all of it."""
    rotate: int = 0
    """Degrees clockwise that make people stand upright: 0, 90, 180 or 270."""

    def of(self, image: ImageArray) -> ImageArray:
        """What is looked at: (H, W, 3) -> (h, w, 3), contiguous; the image itself where that is all of it."""
        if self.crop is not None:
            x, y, width, height = self.crop
            image = image[y : y + height, x : x + width]
        if self.rotate:
            image = cv2.rotate(image, _CV_CODES[self.rotate])
        return np.ascontiguousarray(image)

    def frame_of(self, frame: Frame) -> Frame:
        """The frame with what is looked at as its picture; a quarter turn lays its pixels on their sides."""
        aspect = 1.0 / frame.pixel_aspect if self.rotate in (90, 270) else frame.pixel_aspect
        return replace(frame, image=self.of(frame.image), pixel_aspect=aspect)

    def back(self, pose: Pose, size: tuple[int, int]) -> Pose:
        """A pose that was found in `of` a picture of (width, height), in that picture's own pixels."""
        x, y, width, height = self.crop if self.crop is not None else (0, 0, *size)
        corner = np.array([x, y])
        return pose.moved(
            lambda points: self._turn_back(points, width - 1, height - 1) + corner,
            edges=lambda corners: self._turn_back(corners, width, height) + corner,
        )

    def _turn_back(self, points: FloatArray, right: float, bottom: float) -> FloatArray:
        """(N, 2) in the turned part -> in the part as it was, whose far corner is (right, bottom)."""
        x, y = points[:, 0], points[:, 1]
        if self.rotate == 90:
            x, y = y, bottom - x
        elif self.rotate == 180:
            x, y = right - x, bottom - y
        elif self.rotate == 270:
            x, y = right - y, x
        return np.stack([x, y], axis=1)


class ViewFinder:
    """A finder that looks through a view; its results are of the whole picture."""

    def __init__(self, finder: PoseFinder, view: View) -> None:
        self._finder = finder
        self._view = view

    @property
    def smooths(self) -> bool:
        """As the finder's."""
        return self._finder.smooths

    @property
    def skeleton(self) -> Skeleton:
        """As the finder's."""
        return self._finder.skeleton

    @property
    def identity(self) -> Provenance:
        """As the finder's."""
        return self._finder.identity

    def find(self, frame: Frame) -> FrameResult:
        """Everybody in the view of `frame`. Call it in the frames' order."""
        seen = self._finder.find(self._view.frame_of(frame))
        return FrameResult(frame, tuple(self._view.back(pose, frame.size) for pose in seen.poses))

    def how_often(self) -> str:
        """As the finder's."""
        return self._finder.how_often()
