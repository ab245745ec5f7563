"""Views of a picture for training a detector: all of it, parts, people truncated by the frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from shufflecam.core.types import FloatArray, ImageArray

GREY = 114
"""Padding value of detectors of this family."""

WHOLE, SQUARE = 0.3, 0.45
"""Fractions of the views that show the whole picture, padded, and a largest square of it; the others are
closer, as a webcam sees people: from the waist up, and truncated by the picture's edge."""

CUT_BELOW = 0.75
"""Fraction of the views of a truncated person in which the lower edge truncates; else a side does."""

TALL = 1.6
"""Height over width from which a box shows more than head and shoulders."""


def draw_view(image: ImageArray, size: int, rng: np.random.Generator) -> ImageArray:
    """Return a square part of a picture, or all of it padded with grey; (size, size, 3) uint8 BGR."""
    height, width = image.shape[:2]
    short, kind = min(height, width), rng.random()
    if kind < WHOLE:
        return whole_view(image, size)
    side = short if kind < WHOLE + SQUARE else int(short * rng.uniform(0.45, 0.9))
    x, y = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
    return _resize(image[y : y + side, x : x + side], (size, size))


def whole_view(image: ImageArray, size: int) -> ImageArray:
    """Return all of a picture, centred in a grey square; (size, size, 3) uint8 BGR."""
    height, width = image.shape[:2]
    zoom = size / max(height, width)
    new_w, new_h = max(1, round(width * zoom)), max(1, round(height * zoom))
    view = np.full((size, size, 3), GREY, np.uint8)
    x, y = (size - new_w) // 2, (size - new_h) // 2
    view[y : y + new_h, x : x + new_w] = _resize(image, (new_w, new_h))
    return view


def cut_view(image: ImageArray, box_xyxy: FloatArray, size: int, rng: np.random.Generator) -> ImageArray:
    """Return a view of a person entering the picture: head first over the lower edge, or half from a side.

    Where the view extends past the picture, its edge is replicated.

    Args:
        image: (H, W, 3) uint8 BGR.
        box_xyxy: (4,) pixels, the person's box.
        size: the view's side in pixels.
        rng: selects the edge, the visible fraction of the person, and the scale.
    """
    left, top, right, bottom = (float(v) for v in box_xyxy)
    width, height = max(1.0, right - left), max(1.0, bottom - top)
    if rng.random() < CUT_BELOW:
        seen = rng.uniform(0.1, 0.65) if height > TALL * width else rng.uniform(0.2, 0.95)
        scale = rng.uniform(0.13, 0.6) * size / width
        corner_x = (left + right) / 2 - rng.uniform(0.12, 0.88) * size / scale
        corner_y = top + seen * height - size / scale
        # Horizontally the view stays within the picture where possible.
        corner_x = min(max(corner_x, 0.0), max(0.0, image.shape[1] - size / scale))
    else:
        seen = rng.uniform(0.25, 0.7)
        scale = rng.uniform(0.4, 1.1) * size / height
        by_the_right = rng.random() < 0.5
        corner_x = left + seen * width - size / scale if by_the_right else right - seen * width
        corner_y = (top + bottom) / 2 - rng.uniform(0.3, 0.7) * size / scale
    to_view = np.array([[scale, 0, -corner_x * scale], [0, scale, -corner_y * scale]])
    if scale < 1:  # without it, fine patterns alias to noise
        image = cv2.GaussianBlur(image, (0, 0), 0.4 / scale)
    return cv2.warpAffine(image, to_view, (size, size), borderMode=cv2.BORDER_REPLICATE)


def _resize(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    shrinks = image.shape[1] > size[0]
    # Area: without it a 24-megapixel photo would alias to noise.
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def degrade(view: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a view degraded as by a camera: exposure, tint, grey, blur, noise; (H, W, 3), 0..255.

    The teacher has seen the clean view: the student learns to give the same output.
    """
    view = view * rng.uniform(0.55, 1.35) * rng.uniform(0.92, 1.08, 3).astype(np.float32)
    view = view + np.float32(rng.uniform(-20, 20))
    if rng.random() < 0.1:
        view = np.repeat(view.mean(2, keepdims=True), 3, 2)
    if rng.random() < 0.12:
        view = cv2.GaussianBlur(view, (0, 0), rng.uniform(0.5, 1.4))
    if rng.random() < 0.15:
        view = view + rng.normal(0, rng.uniform(2, 12), view.shape).astype(np.float32)
    return np.clip(view, 0, 255).astype(np.float32)
