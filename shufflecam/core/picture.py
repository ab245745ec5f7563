"""Pictures of one size made from pictures of any."""

from __future__ import annotations

import numpy as np

from shufflecam.core.types import ImageArray


def fitted(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """`image`, or where its size is another, scaled to fit `size` and centred on black.

    Args:
        image: (H, W, 3) uint8.
        size: (width, height).
    """
    width, height = size
    if image.shape[:2] == (height, width):
        return image
    import cv2

    zoom = min(width / image.shape[1], height / image.shape[0])
    inner = (
        max(1, min(width, round(image.shape[1] * zoom))),
        max(1, min(height, round(image.shape[0] * zoom))),
    )
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        image, inner, interpolation=cv2.INTER_AREA
    )
    return canvas
