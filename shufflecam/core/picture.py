"""Pictures of one size made from pictures of any, and how many may wait: huge ones fill the memory."""

from __future__ import annotations

import numpy as np

from shufflecam.core.pixels import shown_size
from shufflecam.core.types import ImageArray

WAITING_BYTES = 64_000_000
"""Pictures that hold more may not wait between two threads, but for the last one that came: two or three of
a 4K video, one of an 8K video (99 MB), where smaller ones wait by their number."""


def holds(size: tuple[int, int], most: int, bytes_a_pixel: float, budget: float) -> int:
    """How many pictures of (width, height) a codec may hold: `most`, or fewer where they are huge."""
    return min(most, int(budget / max(1.0, size[0] * size[1] * bytes_a_pixel)))


def fitted(image: ImageArray, size: tuple[int, int], squeeze: float = 1.0) -> ImageArray:
    """`image`, or where its size is another, scaled to fit `size` and centred on black.

    Args:
        image: (H, W, 3) uint8.
        size: (width, height).
        squeeze: how many times as wide its pixels are as those of the result, for their height.
    """
    width, height = size
    if image.shape[:2] == (height, width) and squeeze == 1.0:
        return image
    import cv2

    broad = image.shape[1] * squeeze
    zoom = min(width / broad, height / image.shape[0])
    inner = (
        max(1, min(width, round(broad * zoom))),
        max(1, min(height, round(image.shape[0] * zoom))),
    )
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        image, inner, interpolation=cv2.INTER_AREA
    )
    return canvas


def as_shown(image: ImageArray, pixel_aspect: float) -> ImageArray:
    """A picture with square pixels, for whoever looks at it as it is: `image` itself where it has them.

    Args:
        image: (H, W, 3) uint8.
        pixel_aspect: width / height of one of its pixels.
    """
    if pixel_aspect == 1.0:
        return image
    import cv2

    size = shown_size((image.shape[1], image.shape[0]), pixel_aspect)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
