"""Fits pictures to a size, and limits how many may be queued: huge ones fill the memory."""

from __future__ import annotations

import numpy as np

from shufflecam.core.pixels import shown_size
from shufflecam.core.types import ImageArray

WAITING_BYTES = 64_000_000
"""Memory limit of the pictures queued between two threads, apart from the newest: two or three of a 4K video,
one of an 8K video (99 MB). Smaller pictures are limited by their number."""


def holds(size: tuple[int, int], most: int, bytes_a_pixel: float, budget: float) -> int:
    """Return how many pictures of (width, height) fit into `budget` bytes, at most `most`."""
    return min(most, int(budget / max(1.0, size[0] * size[1] * bytes_a_pixel)))


def fitted(image: ImageArray, size: tuple[int, int], squeeze: float = 1.0) -> ImageArray:
    """Return `image` scaled to fit `size` and centred on black; unchanged if it already has that size.

    Args:
        image: (H, W, 3) uint8.
        size: (width, height).
        squeeze: pixel aspect ratio of `image` divided by that of the result.
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
    """Return the picture resampled to square pixels, for display; `image` itself if they are square.

    Args:
        image: (H, W, 3) uint8.
        pixel_aspect: width / height of one of its pixels.
    """
    if pixel_aspect == 1.0:
        return image
    import cv2

    size = shown_size((image.shape[1], image.shape[0]), pixel_aspect)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
