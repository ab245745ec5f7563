"""Pixel aspect ratios, and geometry in square pixels, as displayed. numpy only.

Anamorphic video is stored narrower, or wider, than it is played: a pixel is `pixel_aspect` times as wide as
it is high (the sample aspect ratio of ITU-T H.273, the PixelAspectRatio box of ISO/IEC 14496-12). Keypoints
and boxes are in *stored* pixels, those of the arrays. Lengths and angles are meaningful in *square* pixels
only, which are as high as the stored ones: x is multiplied by the aspect, y is unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from shufflecam.core.types import Detections, FloatArray, Pose

MOST_ASPECT = 8
"""Largest plausible pixel aspect ratio, or its inverse: half-width stereo has 2, widescreen on 352 columns
2.4. Files that declare more are wrong."""

NEARLY_SQUARE = 0.002
"""Encoders that round a picture's size write ratios such as 1217:1216: treated as square, with an error of at
most a tenth of a degree in angles."""


def believable_aspect(told: Any) -> float | None:
    """Validate a file's pixel aspect ratio (a number or None): width / height, or None if implausible.

    An undeclared ratio, and one that is square up to rounding, is exactly 1.0.
    """
    if told is None:
        return 1.0
    aspect = float(told)
    if not 1 / MOST_ASPECT <= aspect <= MOST_ASPECT:  # also false for nan
        return None
    return 1.0 if abs(aspect - 1.0) <= NEARLY_SQUARE else aspect


def as_fraction(pixel_aspect: float) -> Fraction | None:
    """Return the ratio as a fraction for a file's header; None for square pixels."""
    return None if pixel_aspect == 1.0 else Fraction(pixel_aspect).limit_denominator(10_000)


def to_square(places: FloatArray, pixel_aspect: float) -> FloatArray:
    """Convert (..., 2) points or sizes, or (..., 4) boxes xyxy, from stored to square pixels.

    Returns the array itself if the stored pixels are square.
    """
    if pixel_aspect == 1.0:
        return places
    factors = np.array([pixel_aspect, 1.0] * (places.shape[-1] // 2), places.dtype)
    return np.asarray(places * factors)


def to_stored(places: FloatArray, pixel_aspect: float) -> FloatArray:
    """The inverse of `to_square`."""
    return to_square(places, 1.0 / pixel_aspect)


def square_size(size: tuple[int, int], pixel_aspect: float) -> tuple[float, float]:
    """Return a picture's (width, height) in square pixels as high as the stored ones."""
    return size if pixel_aspect == 1.0 else (size[0] * pixel_aspect, size[1])


def shown_size(size: tuple[int, int], pixel_aspect: float) -> tuple[int, int]:
    """Return a picture's (width, height) as displayed, in whole square pixels; no side shrinks."""
    width, height = size
    if pixel_aspect >= 1.0:
        return max(1, round(width * pixel_aspect)), height
    return width, max(1, round(height / pixel_aspect))


def boxes_to_square(found: Detections, pixel_aspect: float) -> Detections:
    """Convert detections from stored to square pixels."""
    if pixel_aspect == 1.0:
        return found
    return Detections(to_square(found.boxes_xyxy, pixel_aspect), found.scores)


def boxes_to_stored(found: Detections, pixel_aspect: float) -> Detections:
    """The inverse of `boxes_to_square`."""
    return boxes_to_square(found, 1.0 / pixel_aspect)


def poses_to_square(poses: Iterable[Pose], pixel_aspect: float) -> list[Pose]:
    """Convert poses from stored to square pixels, keeping their order."""
    if pixel_aspect == 1.0:
        return list(poses)
    return [pose.moved(lambda places: to_square(places, pixel_aspect)) for pose in poses]


def poses_to_stored(poses: Iterable[Pose], pixel_aspect: float) -> list[Pose]:
    """The inverse of `poses_to_square`."""
    return poses_to_square(poses, 1.0 / pixel_aspect)
