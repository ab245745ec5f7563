"""Data augmentation: the geometry of the crop, and its pixels.

The geometry and its defaults are the published recipe's: half body (p .3, at least nine visible
joints, upper half first .7, padding 1.5), shift (p .3, up to .16 of the box), scale 0.5-1.5, rotation
(p .6) up to 80 degrees, all drawn from a normal distribution truncated at one deviation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import FloatArray, ImageArray

HALF_BODY_PADDING = 1.5
HALF_BODY_JOINTS = 9
HALF_BODY_UPPER = 2
HALF_BODY_LOWER = 3
UPPER_FIRST = 0.7


@dataclass(frozen=True, eq=False)
class Region:
    """The region of a picture to crop."""

    center: FloatArray
    """(2,) image pixels."""
    scale: FloatArray
    """(2,) width and height in image pixels."""
    degrees: float = 0.0
    """Rotation of the crop relative to the picture, clockwise as seen."""


@dataclass(frozen=True)
class Augmentation:
    """Amount of each augmentation. The defaults are the published recipe's."""

    flip: float = 0.5
    """Probability of a mirrored crop."""
    half_body: float = 0.3
    """Probability of a crop of only the upper or the lower half."""
    shift: float = 0.16
    """Largest shift as a fraction of the region."""
    shift_p: float = 0.3
    scale: float = 0.5
    """The region is scaled by 1 - this ... 1 + this."""
    rotation: float = 80.0
    """Largest rotation in degrees."""
    rotation_p: float = 0.6
    colour: float = 0.0
    """Largest relative change of brightness, contrast and colour; 0.3 is moderate."""
    occlusion: float = 0.0
    """Probability of a plain or noisy rectangle over a part of the crop."""

    def move(
        self,
        region: Region,
        keypoints: FloatArray,
        skeleton: Skeleton,
        aspect: float,
        dice: np.random.Generator,
    ) -> Region:
        """Return the region after half body, shift, scale, rotation; `keypoints` (K, 2), NaN if unknown."""
        if self.half_body and dice.random() < self.half_body:
            region = half_body(region, keypoints, skeleton, aspect, dice)
        center, scale = region.center, region.scale
        if self.shift and dice.random() < self.shift_p:
            center = center + (_normal(dice, 2) * self.shift * scale).astype(np.float32)
        scale = scale * np.float32(1 + _normal(dice, 1)[0] * self.scale)
        degrees = 0.0
        if self.rotation and dice.random() < self.rotation_p:
            degrees = float(_normal(dice, 1)[0] * self.rotation)
        return Region(center, scale, degrees)

    @classmethod
    def none(cls) -> Augmentation:
        """Return no augmentation at all: for deliberate overfitting."""
        return cls(flip=0, half_body=0, shift=0, scale=0, rotation=0)


def half_body(
    region: Region, keypoints: FloatArray, skeleton: Skeleton, aspect: float, dice: np.random.Generator
) -> Region:
    """Return the region around the upper or the lower half; unchanged if too few joints are known."""
    known = np.isfinite(keypoints).all(axis=1)
    is_upper = np.isin(np.arange(len(keypoints)), skeleton.upper_body)
    upper, lower = keypoints[known & is_upper], keypoints[known & ~is_upper]
    if known.sum() < HALF_BODY_JOINTS:
        return region
    enough = [
        part for part, least in ((upper, HALF_BODY_UPPER), (lower, HALF_BODY_LOWER)) if len(part) >= least
    ]
    if not enough:
        return region
    wants_upper = dice.random() < UPPER_FIRST
    part = enough[0] if wants_upper else enough[-1]
    size = (part.max(axis=0) - part.min(axis=0)) * HALF_BODY_PADDING
    width = max(float(size[0]), float(size[1]) * aspect, 2.0)
    return replace(
        region,
        center=part.mean(axis=0).astype(np.float32),
        scale=np.array([width, width / aspect], np.float32),
    )


def cut(
    image: ImageArray, region: Region, keypoints: FloatArray, input_size: tuple[int, int]
) -> tuple[ImageArray, FloatArray]:
    """Return the crop (H, W, 3) and the keypoints (K, 2) in its pixels; bilinear, black outside the picture.

    Without rotation this is `pose.crops.warp_crop`: the region's centre is mapped to (w/2, h/2).
    """
    width, height = input_size
    zoom = width / float(region.scale[0])
    angle = np.deg2rad(region.degrees)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    offset = np.array([width / 2, height / 2]) - turn @ region.center.astype(np.float64)
    matrix = np.concatenate([turn, offset[:, None]], axis=1)
    crop = cv2.warpAffine(image, matrix, input_size, flags=cv2.INTER_LINEAR)
    return np.asarray(crop, np.uint8), (keypoints @ turn.T + offset).astype(np.float32)


def jitter(crop: ImageArray, augmentation: Augmentation, dice: np.random.Generator) -> ImageArray:
    """Return the crop with colour changes and occlusion; (H, W, 3) uint8."""
    amount = augmentation.colour
    if amount:
        values = crop.astype(np.float32)
        grey = values.mean(axis=2, keepdims=True)
        values = grey + (values - grey) * (1 + dice.uniform(-amount, amount))
        values = values * (1 + dice.uniform(-amount, amount)) * (1 + dice.uniform(-amount / 4, amount / 4, 3))
        values += dice.uniform(-amount, amount) * 64
        crop = np.clip(values, 0, 255).astype(np.uint8)
    if augmentation.occlusion and dice.random() < augmentation.occlusion:
        height, width = crop.shape[:2]
        h, w = (int(side * dice.uniform(0.1, 0.4)) for side in (height, width))
        top, left = int(dice.integers(0, height - h)), int(dice.integers(0, width - w))
        crop = crop.copy()
        patch = dice.integers(0, 256, (h, w, 3) if dice.random() < 0.5 else (1, 1, 3))
        crop[top : top + h, left : left + w] = patch
    return crop


def _normal(dice: np.random.Generator, count: int) -> FloatArray:
    """Return `count` draws of a standard normal, truncated at one deviation by rejection sampling."""
    values = dice.standard_normal(count)
    while (outside := np.abs(values) > 1).any():
        values[outside] = dice.standard_normal(int(outside.sum()))
    return values.astype(np.float32)
