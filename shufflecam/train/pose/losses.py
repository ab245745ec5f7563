"""Losses between heatmaps and keypoints.

Axes: N crops, K joints, H rows, W columns. `weights` (N, K) is 0 where a joint is unknown.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from shufflecam.train.pose.nets import BINS_PER_COLUMN

SHARPNESS = 10.0
"""Heatmaps are multiplied by this before the softmax: a unit Gaussian then holds 19/20 of the probability,
and the cross-entropy and the MSE have the same minimum."""


def mse(heatmaps: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the reference's loss: squared error, weighted by joint, averaged over all values."""
    return ((heatmaps - targets) ** 2 * weights[..., None, None]).mean()


def cross_entropy(heatmaps: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the cross-entropy of the softmaxed heatmap and the softmaxed target; mean over known joints.

    It distinguishes a wrong position from a slightly wrong one far better than the MSE early in training.
    """
    logits = functional.log_softmax(SHARPNESS * heatmaps.flatten(2), dim=2)
    share = functional.softmax(SHARPNESS * targets.flatten(2), dim=2)
    return (-(share * logits).sum(2) * weights).sum() / weights.sum().clamp_min(1e-6)


def coordinates(logits: tuple[Tensor, Tensor], keypoints: Tensor, weights: Tensor) -> Tensor:
    """Return the cross-entropy of the x and y classes against Gaussians with a deviation of one class.

    Args:
        logits: (N, K, 8 w) and (N, K, 8 h), see `nets.CoordinateHead`.
        keypoints: (N, K, 2) input pixels.
        weights: (N, K).
    """
    total = keypoints.new_zeros(())
    for axis, values in enumerate(logits):
        # The backbone's stride is 32, so that a class is 32 / 8 px wide.
        place = torch.nan_to_num(keypoints[..., axis : axis + 1]) / (32 / BINS_PER_COLUMN)
        classes = torch.arange(values.shape[2], device=values.device, dtype=torch.float32)
        share = torch.softmax(-((classes - place) ** 2) / 2, dim=2)
        total = total - ((share * functional.log_softmax(values, 2)).sum(2) * weights).sum()
    return total / (2 * weights.sum()).clamp_min(1e-6)
