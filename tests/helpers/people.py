"""Made-up people for tests: a walking figure with COCO's 17 joints, whose place and time are known."""

from __future__ import annotations

import math

import numpy as np

from shufflecam.core.types import Frame, FrameResult, Pose

# A standing figure seen from the front, in units of its height; x to the right from the body's middle,
# y up from the feet. COCO's order; the person's left is at the picture's right.
STANDING = np.array(
    [
        (0.00, 0.93), (0.02, 0.95), (-0.02, 0.95), (0.05, 0.93), (-0.05, 0.93),
        (0.11, 0.82), (-0.11, 0.82), (0.15, 0.63), (-0.15, 0.63), (0.16, 0.47), (-0.16, 0.47),
        (0.08, 0.52), (-0.08, 0.52), (0.09, 0.28), (-0.09, 0.28), (0.09, 0.04), (-0.09, 0.04),
    ],
    np.float32,
)  # fmt: skip


def figure(x: float, foot_y: float, height: float, phase: float = 0.0) -> np.ndarray:
    """(17, 2) pixels: a person at `x` whose arms and legs swing with `phase` (radians)."""
    joints = STANDING.copy()
    swing = 0.08 * math.sin(phase)
    for joint, share in (
        (9, 1.0),
        (7, 0.5),
        (15, -1.0),
        (13, -0.5),
        (10, -1.0),
        (8, -0.5),
        (16, 1.0),
        (14, 0.5),
    ):
        joints[joint, 0] += swing * share
    return np.stack([x + joints[:, 0] * height, foot_y - joints[:, 1] * height], axis=1).astype(np.float32)


def pose_of(
    joints: np.ndarray,
    *,
    rng: np.random.Generator | None = None,
    noise: float = 0.0,
    score: float = 0.9,
    track_id: int | None = None,
) -> Pose:
    """A pose with a box around the joints, both with `noise` pixels of jitter (standard deviation)."""
    box = np.concatenate([joints.min(axis=0) - 8, joints.max(axis=0) + 8])
    if rng is not None:
        joints = joints + rng.normal(0, noise, joints.shape)
        box = box + rng.normal(0, noise, 4)
    scores = np.full(len(joints), score, np.float32)
    return Pose(
        box_xyxy=box.astype(np.float32),
        box_score=score,
        keypoints=joints.astype(np.float32),
        scores=scores,
        score=score * score,
        track_id=track_id,
    )


def result_of(
    poses: list[Pose],
    index: int = 0,
    time_s: float = 0.0,
    *,
    size: tuple[int, int] = (64, 48),
    file: str | None = None,
    latency_s: float | None = None,
    pixel_aspect: float = 1.0,
) -> FrameResult:
    """A result whose picture is black."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    return FrameResult(
        Frame(image, index, time_s, file=file, pixel_aspect=pixel_aspect), tuple(poses), latency_s
    )
