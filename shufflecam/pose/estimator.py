"""Image and boxes -> poses: combines crops, an engine and the decoder."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from shufflecam.core.geometry import crop_to_image
from shufflecam.core.protocols import Engine
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.stats import Stats, stage
from shufflecam.core.types import SCORE_FLOOR, CropBatch, Detections, FloatArray, ImageArray, Pose
from shufflecam.pose.crops import crop_people
from shufflecam.pose.dark import decode_dark
from shufflecam.pose.decode import decode, flip_back

Decoding = Literal["plain", "dark"]

EDGE_SHARE = 0.05
"""Tolerance at the picture's edge, as a share of the person's size: joints that are just within it are often
found just outside."""


def instance_score(box_score: float, keypoint_scores: FloatArray) -> float:
    """Box score (NaN counts as 1) x mean of the keypoint scores above `SCORE_FLOOR`; 0 if none is."""
    sure = keypoint_scores[keypoint_scores > SCORE_FLOOR]
    box = 1.0 if np.isnan(box_score) else float(box_score)
    return box * float(sure.mean()) if len(sure) else 0.0


def within_picture(pose: Pose, size: tuple[float, float]) -> Pose:
    """Return the pose without the joints beyond the picture's edge, where the network guesses.

    Args:
        pose: in pixels of a picture.
        size: its (width, height).

    Returns:
        The same pose if all joints are within; otherwise a copy with NaN and score 0 for those that are not,
        and its score computed from the others. `EDGE_SHARE` of the person's size beyond the edge counts
        as within.
    """
    margin = EDGE_SHARE * math.sqrt(max(0.0, float(np.prod(pose.box_xyxy[2:] - pose.box_xyxy[:2]))))
    limit = np.array(size, np.float32) - 0.5 + margin
    beyond = np.asarray(((pose.keypoints < -0.5 - margin) | (pose.keypoints > limit)).any(axis=1))
    if not beyond.any():
        return pose
    scores = np.where(beyond, 0.0, pose.scores).astype(np.float32)
    keypoints = np.where(beyond[:, None], np.nan, pose.keypoints).astype(np.float32)
    score = instance_score(pose.box_score, scores)
    return replace(pose, keypoints=keypoints, scores=scores, score=score)


@dataclass(frozen=True)
class HeatmapEstimator:
    """Runs the pose network on the people of a frame; a `core.protocols.PoseEstimator`."""

    engine: Engine
    skeleton: Skeleton
    input_size: tuple[int, int]
    """(width, height) of the network's input in pixels."""
    flip_test: bool = False
    """Also run each crop mirrored and average: about twice the time for slightly higher accuracy."""
    decoding: Decoding = "plain"
    """plain: a quarter pixel towards the larger neighbour, as published; dark: see `pose.dark`."""
    sigma: float = 2.0
    """Standard deviation of the heatmaps' Gaussians in heatmap pixels; for "dark"."""
    max_batch: int = 32
    """Maximum crops per run of the network: bounds memory, whatever the number of people."""
    stats: Stats | None = None
    """Collects the times of "crop", "network" and "keypoints"."""

    def estimate(self, image: ImageArray, detections: Detections, pixel_aspect: float = 1.0) -> list[Pose]:
        """Return one pose per box, in the boxes' order.

        Args:
            image: (H, W, 3) uint8 BGR, upright.
            detections: N boxes in its pixels.
            pixel_aspect: width / height of one of these when the picture is displayed.
        """
        poses: list[Pose] = []
        for start in range(0, len(detections), self.max_batch):
            part = Detections(
                detections.boxes_xyxy[start : start + self.max_batch],
                detections.scores[start : start + self.max_batch],
            )
            with stage(self.stats, "crop"):
                batch = crop_people(image, part, self.input_size, pixel_aspect=pixel_aspect)
            keypoints, scores = self.locate(batch)
            poses += [
                Pose(
                    box_xyxy=part.boxes_xyxy[i],
                    box_score=float(part.scores[i]),
                    keypoints=keypoints[i],
                    scores=scores[i],
                    score=instance_score(float(part.scores[i]), scores[i]),
                )
                for i in range(len(part))
            ]
        return poses

    def heatmaps(self, inputs: FloatArray) -> FloatArray:
        """(N, 3, H, W) -> (N, K, H/4, W/4), averaged with those of the mirrored crops for `flip_test`."""
        maps = self.engine.run(inputs)
        if self.flip_test:
            mirrored = self.engine.run(np.ascontiguousarray(inputs[..., ::-1]))
            maps = (maps + flip_back(mirrored, self.skeleton.flip_order)) * np.float32(0.5)
        return maps

    def locate(self, batch: CropBatch) -> tuple[FloatArray, FloatArray]:
        """Crops -> keypoints (N, K, 2) in image pixels (NaN where missing) and scores (N, K)."""
        with stage(self.stats, "network"):
            maps = self.heatmaps(batch.inputs)
        with stage(self.stats, "keypoints"):
            keypoints, scores = decode(maps) if self.decoding == "plain" else decode_dark(maps, self.sigma)
            stride = np.array(
                [self.input_size[0] / maps.shape[3], self.input_size[1] / maps.shape[2]], np.float32
            )
            places = crop_to_image(keypoints * stride, batch.centers, batch.scales, self.input_size)
        return places, scores
