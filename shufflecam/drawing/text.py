"""Text on pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from shufflecam.core.types import ImageArray

FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_hud(image: ImageArray, lines: str | Sequence[str], *, in_place: bool = False) -> ImageArray:
    """Draw lines of plain text (ASCII) in the upper left corner, on a darkened strip for readability.

    Arguments and result as for `draw`. Text wider than the picture is scaled down, then cut off.
    """
    canvas = image if in_place else np.ascontiguousarray(image).copy()
    lines = [lines] if isinstance(lines, str) else list(lines)
    height, width = canvas.shape[:2]
    scale = text_scale((width, height))
    weight = text_weight(scale)
    widest = max((cv2.getTextSize(line, FONT, scale, weight)[0][0] for line in lines), default=0)
    if widest > width * 0.96:
        scale = max(0.3, scale * width * 0.96 / widest)
        weight = text_weight(scale)
    line_height = math.ceil(cv2.getTextSize("Ag", FONT, scale, weight)[0][1] * 1.9)
    strip = canvas[: line_height * len(lines) + line_height // 3]
    # Two fifths of the brightness: white text has a contrast above 5:1 on white paper.
    np.multiply(strip, 0.4, out=strip, casting="unsafe")
    for row, line in enumerate(lines):
        at = (round(width * 0.01) + 2, round(line_height * (row + 0.85)))
        cv2.putText(canvas, line, at, FONT, scale, (255, 255, 255), weight, cv2.LINE_AA)
    return canvas


def text_scale(size: tuple[float, float]) -> float:
    """Return OpenCV's font scale: capitals of about 11 px at 480 lines, 22 px at 1080."""
    return max(0.35, 0.5 * min(size) / 480)


def text_weight(scale: float) -> int:
    return max(1, round(scale * 1.6))
