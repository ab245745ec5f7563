"""Weights drawn from the names of their tensors alone, so that anyone can draw the same ones.

The figures in `data/golden.npz` were made by mmpose 1.3.2 with these weights and `golden_picture`.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch

from shufflecam.core.skeleton import COCO_17, MPII_16, Skeleton
from shufflecam.models.shufflenet import PoseNet

NETS: dict[str, tuple[Skeleton, tuple[int, int]]] = {
    "coco_256x192": (COCO_17, (192, 256)),
    "coco_384x288": (COCO_17, (288, 384)),
    "mpii_256x256": (MPII_16, (256, 256)),
}
"""Name in the golden file -> skeleton and input size (w, h)."""


def synthetic_tensor(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Draw one tensor, seeded by its name without the part before the first dot."""
    if key.endswith("num_batches_tracked"):
        return np.zeros((), np.int64)
    draw = np.random.RandomState(zlib.crc32(key.partition(".")[2].encode()))
    if key.endswith("running_mean"):
        values = draw.normal(0, 0.1, shape)
    elif key.endswith("running_var"):
        values = draw.uniform(0.5, 1.5, shape)
    elif len(shape) > 1:
        fan_in = shape[0] * 4 if "deconv" in key else int(np.prod(shape[1:]))
        values = draw.normal(0, (2 / fan_in) ** 0.5, shape)
    elif key.endswith("weight"):
        values = draw.uniform(0.5, 1.5, shape)
    else:
        values = draw.normal(0, 0.1, shape)
    return values.astype(np.float32)


def synthetic_state(keypoints: int) -> dict[str, torch.Tensor]:
    """All 314 tensors of the network under the keys of the 1.x layout."""
    shapes = {key: tuple(value.shape) for key, value in PoseNet(keypoints).state_dict().items()}
    return {key: torch.from_numpy(synthetic_tensor(key, shape)) for key, shape in shapes.items()}


def synthetic_net(keypoints: int) -> PoseNet:
    """The network with those weights, in evaluation mode."""
    net = PoseNet(keypoints).eval()
    net.load_state_dict(synthetic_state(keypoints))
    return net


def golden_picture() -> np.ndarray:
    """(480, 640, 3) uint8 BGR: coloured squares of 16 pixels."""
    squares = np.random.RandomState(1).randint(0, 256, (30, 40, 3))
    return np.kron(squares, np.ones((16, 16, 1))).astype(np.uint8)
