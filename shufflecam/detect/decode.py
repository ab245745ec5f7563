"""Picture -> the detector's input; its output -> boxes in the picture. numpy and OpenCV only.

Axes: x right, y down. Boxes are continuous: (0, 0, w, h) is the full picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shufflecam.core.geometry import box_iou, clip_boxes
from shufflecam.core.types import Detections, FloatArray, ImageArray

STRIDE = 32
"""Stride of the coarsest of the detectors' three grids: input sides are multiples of it."""

GREY = (114, 114, 114)
"""The padding colour of ultralytics' training."""

NMS_IOU = 0.5
"""IoU above which two boxes are the same person. Ultralytics' default of 0.7 left two boxes, and so two
skeletons, on 6 of the 123 people in 50 COCO pictures; 0.5 left no duplicates and found the same people."""

MAX_CANDIDATES = 1000
"""Boxes passed to the suppression, best first; bounds its time on a picture full of false positives."""


@dataclass(frozen=True, eq=False)
class Letterbox:
    """A picture scaled and padded to the detector's input, and the inverse mapping."""

    inputs: FloatArray
    """(1, 3, H, W) float32 RGB in 0..1, H and W multiples of 32."""
    zoom: tuple[float, float]
    """Input pixels per picture pixel, in x and y."""
    offset: tuple[int, int]
    """(x, y) of the picture's corner in the input."""
    size: tuple[int, int]
    """(width, height) of the picture."""

    def to_image(self, boxes_xyxy: FloatArray) -> FloatArray:
        """(N, 4) boxes in the input -> in the picture, clipped to it."""
        zoom = np.array([*self.zoom, *self.zoom], np.float32)
        offset = np.array([*self.offset, *self.offset], np.float32)
        return clip_boxes((boxes_xyxy - offset) / zoom, self.size)


def letterbox(image: ImageArray, longest: int, pixel_aspect: float = 1.0) -> Letterbox:
    """Scale a picture, in its displayed aspect ratio, to a longer side of `longest`; pad to multiples of 32.

    Args:
        image: (H, W, 3) uint8 BGR.
        longest: pixels; at least 32.
        pixel_aspect: width / height of one pixel of the image; the network's input has square ones.
    """
    height, width = image.shape[:2]
    square_w = width * pixel_aspect
    zoom = longest / max(square_w, height)
    new_w, new_h = max(1, round(square_w * zoom)), max(1, round(height * zoom))
    if (new_w, new_h) != (width, height):
        image = cv2.resize(image, (new_w, new_h), interpolation=cv2.INTER_LINEAR)
    pad_w, pad_h = -new_w % STRIDE, -new_h % STRIDE
    left, top = pad_w // 2, pad_h // 2
    padded = cv2.copyMakeBorder(image, top, pad_h - top, left, pad_w - left, cv2.BORDER_CONSTANT, value=GREY)
    inputs = cv2.dnn.blobFromImage(padded, scalefactor=1 / 255, swapRB=True)
    return Letterbox(inputs, (new_w / width, new_h / height), (left, top), (width, height))


def decode(
    output: FloatArray,
    box: Letterbox,
    *,
    person: int,
    min_score: float,
    max_people: int,
    overlap_sigma: float | None = None,
) -> Detections:
    """Return the people in a network's output, in the picture's pixels, best first.

    Args:
        output: (1, 4 + classes, anchors): centre x, centre y, width, height and each class's score, from v8
            and 11; or (1, N, 6): x1, y1, x2, y2, score, class, with duplicates already suppressed, from 26.
        box: the letterbox of the input.
        person: the index of the person class.
        min_score: score threshold.
        max_people: keep the N highest-scoring people.
        overlap_sigma: how strongly a better box nearby lowers a box's score, see `soften`; None: not at all.
    """
    end_to_end = output.shape[2] == 6
    boxes, scores = _end_to_end(output[0], person) if end_to_end else _per_anchor(output[0], person)
    sure = (scores > min_score) & np.isfinite(boxes).all(axis=1)
    boxes, scores = boxes[sure], scores[sure]
    best = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    boxes, scores = boxes[best], scores[best]
    if not end_to_end:
        kept = non_max_suppression(boxes, NMS_IOU)
        boxes, scores = boxes[kept], scores[kept]
    if overlap_sigma is not None:
        scores = soften(boxes, scores, overlap_sigma)
        best = np.flatnonzero(scores > min_score)
        best = best[np.argsort(-scores[best], kind="stable")]
        boxes, scores = boxes[best], scores[best]
    boxes = box.to_image(boxes)
    # Boxes in the padding vanish when clipped to the picture.
    inside = ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(axis=1)
    return Detections(boxes[inside][:max_people], scores[inside][:max_people].astype(np.float32))


def _per_anchor(output: FloatArray, person: int) -> tuple[FloatArray, FloatArray]:
    """(4 + classes, anchors) -> boxes xyxy and scores; 0 where another class scores higher."""
    centers, sizes, classes = output[:2].T, output[2:4].T, output[4:]
    boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1)
    scores = np.where(classes.argmax(axis=0) == person, classes[person], 0)
    return boxes, scores


def _end_to_end(output: FloatArray, person: int) -> tuple[FloatArray, FloatArray]:
    """(N, 6) -> boxes xyxy and scores; 0 for other classes."""
    return output[:, :4], np.where(output[:, 5] == person, output[:, 4], 0)


def non_max_suppression(boxes_xyxy: FloatArray, max_iou: float) -> list[int]:
    """Return the indices of the boxes with no better kept box above `max_iou`; boxes (N, 4), best first."""
    overlap = box_iou(boxes_xyxy, boxes_xyxy)
    alive = np.ones(len(boxes_xyxy), bool)
    kept = []
    for i in range(len(boxes_xyxy)):
        if alive[i]:
            kept.append(i)
            alive &= overlap[i] <= max_iou
    return kept


def soften(boxes_xyxy: FloatArray, scores: FloatArray, sigma: float) -> FloatArray:
    """Return scores lowered by better boxes nearby: Soft-NMS (Bodla et al., ICCV 2017), Gaussian.

    A network that is unsure of a person's extent gives a second box half beside the first. Such a box
    retains `exp(-IoU^2 / sigma)` of its score, starting with the best box.

    Args:
        boxes_xyxy: (N, 4).
        scores: (N,).
        sigma: the smaller, the more the scores are lowered.

    Returns:
        (N,) in the same order.
    """
    kept = np.exp(-(box_iou(boxes_xyxy, boxes_xyxy) ** 2) / sigma)
    softened = scores.astype(np.float32)
    waiting = np.ones(len(scores), bool)
    for _ in range(len(scores)):
        best = int(np.where(waiting, softened, -np.inf).argmax())
        waiting[best] = False
        softened[waiting] *= kept[best, waiting]
    return softened
