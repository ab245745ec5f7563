"""Boxes, affine maps and overlaps. numpy only.

Axes: x right, y down, pixel centres at integers. Boxes are xyxy: (x1, y1, x2, y2) in image pixels.
Sources of the conventions: the OpenMMLab top-down pipeline (box padding 1.25, affine without a
half-pixel term), checked against its figures in the tests.
"""

from __future__ import annotations

import math

import numpy as np

from shufflecam.core.types import FloatArray

BOX_PADDING = 1.25
"""Size of the crop relative to the box (OpenMMLab's GetBBoxCenterScale)."""


def box_to_center_scale(
    boxes_xyxy: FloatArray, aspect: float, padding: float = BOX_PADDING
) -> tuple[FloatArray, FloatArray]:
    """Convert boxes to the centres and sizes of the regions to crop.

    Args:
        boxes_xyxy: (N, 4).
        aspect: width / height of the network's input.
        padding: size of the crop relative to the box.

    Returns:
        centers (N, 2) and scales (N, 2) = (width, height), float32 image pixels; the short side is
        widened so that width / height is `aspect`.
    """
    boxes = np.asarray(boxes_xyxy, np.float32).reshape(-1, 4)
    centers = (boxes[:, :2] + boxes[:, 2:]) * np.float32(0.5)
    sizes = (boxes[:, 2:] - boxes[:, :2]) * np.float32(padding)
    width, height = sizes[:, 0], sizes[:, 1]
    wide = width > height * np.float32(aspect)
    scales = np.where(
        wide[:, None],
        np.stack([width, width / np.float32(aspect)], axis=1),
        np.stack([height * np.float32(aspect), height], axis=1),
    )
    return centers, scales.astype(np.float32)


def crop_affine(
    center: FloatArray, scale: FloatArray, input_size: tuple[int, int], pixel_aspect: float = 1.0
) -> FloatArray:
    """Return the (2, 3) float32 matrix that maps image pixels to crop pixels, which are square.

    The region's centre maps to (w/2, h/2). A crop pixel is scale_w / w image pixels wide, and `pixel_aspect`
    times as many high; no half-pixel term.
    """
    width, height = input_size
    zoom_x = width / float(scale[0])
    zoom_y = zoom_x / pixel_aspect
    return np.array(
        [
            [zoom_x, 0.0, width * 0.5 - zoom_x * float(center[0])],
            [0.0, zoom_y, height * 0.5 - zoom_y * float(center[1])],
        ],
        np.float32,
    )


def crop_to_image(
    points: FloatArray, centers: FloatArray, scales: FloatArray, input_size: tuple[int, int]
) -> FloatArray:
    """(N, K, 2) crop pixels -> image pixels: point / input size * scale + centre - scale / 2."""
    size = np.asarray(input_size, np.float32)
    return (points / size * scales[:, None] + centers[:, None] - scales[:, None] * np.float32(0.5)).astype(
        np.float32
    )


def clip_boxes(boxes_xyxy: FloatArray, size: tuple[float, float]) -> FloatArray:
    """Clip (N, 4) boxes to a picture of (width, height)."""
    limit = np.array([size[0], size[1], size[0], size[1]], np.float32)
    return np.clip(boxes_xyxy, 0, limit).astype(np.float32)


def box_area(boxes_xyxy: FloatArray) -> FloatArray:
    """Return (N,) areas in square pixels; an inverted box has area 0."""
    size = np.clip(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0, None)
    with np.errstate(over="ignore"):  # a record may hold any numbers
        area: FloatArray = (size[:, 0] * size[:, 1]).astype(np.float32)
    return area


def box_iou(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """Return the (N, M) intersection over union of (N, 4) and (M, 4) boxes; 0 where both are empty."""
    corner1 = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    corner2 = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    overlap = np.clip(corner2 - corner1, 0, None)
    inter = overlap[..., 0] * overlap[..., 1]
    union = box_area(a_xyxy)[:, None] + box_area(b_xyxy)[None, :] - inter
    share: FloatArray = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0).astype(np.float32)
    return share


def box_overlap(a_xyxy: FloatArray, b_xyxy: FloatArray) -> FloatArray:
    """(N, M) part of the smaller box that lies in the other one, of (N, 4) and (M, 4); 0 if it is empty."""
    corner1 = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    corner2 = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    overlap = np.clip(corner2 - corner1, 0, None)
    inter = overlap[..., 0] * overlap[..., 1]
    smaller = np.minimum(box_area(a_xyxy)[:, None], box_area(b_xyxy)[None, :])
    share = np.divide(inter, smaller, out=np.zeros_like(inter), where=smaller > 0)
    return np.asarray(share, np.float32)


def person_size(box_xyxy: FloatArray) -> float:
    """Square root of the area of a (4,) box in pixels, at least 1: the unit of relative lengths."""
    width, height = (box_xyxy[2:] - box_xyxy[:2]).tolist()
    area = width * height
    return math.sqrt(area) if area > 1.0 and math.isfinite(area) else 1.0


def oks(
    keypoints: FloatArray,
    others: FloatArray,
    area: float,
    sigmas: tuple[float, ...],
    visible: np.ndarray | None = None,
    weights: FloatArray | None = None,
) -> FloatArray:
    """Object keypoint similarity of one person to M others, as COCO defines it.

    Args:
        keypoints: (K, 2).
        others: (M, K, 2).
        area: the person's area in square pixels.
        sigmas: K fall-off constants.
        visible: (M, K) or (K,) booleans, which joints count; None: those finite in both.
        weights: (K,) how much each joint counts; None: all the same, as in COCO.

    Returns:
        (M,) float32 in 0..1; 0 where no joint counts.
    """
    difference = others - keypoints[None]
    squared = (difference**2).sum(axis=-1)
    counts = np.isfinite(squared)
    if visible is not None:
        counts &= np.broadcast_to(np.asarray(visible, bool), counts.shape)
    variance = (2 * np.asarray(sigmas, np.float64)) ** 2
    exponent = np.where(counts, squared, 0) / (2 * variance * (area + np.spacing(1.0)))
    share = counts * (1.0 if weights is None else np.asarray(weights, np.float64))
    similarity = np.where(counts, np.exp(-exponent) * share, 0.0).sum(axis=1)
    number = share.sum(axis=1)
    mean = np.divide(similarity, number, out=np.zeros(len(others)), where=number > 0)
    return np.asarray(mean, np.float32)


def clip_segment(
    a: FloatArray, b: FloatArray, size: tuple[int, int], margin: float = 0.0
) -> tuple[FloatArray, FloatArray] | None:
    """Clip the segment a-b to a picture of (width, height) plus a margin; None if it lies outside.

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
