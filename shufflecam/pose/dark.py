"""Sub-pixel peaks: the heatmap is modelled as a Gaussian, its centre found by a Taylor step on its logarithm.

Source: Zhang, Zhu, Dai, Ye, Zhu: Distribution-Aware Coordinate Representation for Human Pose Estimation
(CVPR 2020). The heatmap is first smoothed with the Gaussian of the training targets; from its maximum m the
centre is m - H^-1 g, with the gradient g and the Hessian H of the logarithm there: exact for a Gaussian,
whose logarithm is a paraboloid.

Axes as in `pose.decode`: N people, K keypoints, (x, y) in heatmap pixels.
"""

from __future__ import annotations

import numpy as np

from shufflecam.core.types import FloatArray
from shufflecam.pose.decode import decode

NEAR = 2
"""Pixels around the maximum that the derivatives need; peaks closer to the border keep the plain position."""

REACH = 2.5
"""The smoothing Gaussian is truncated at this many standard deviations: 11 pixels wide for sigma 2, 17 for 3,
as in the source."""

FURTHEST = 1.5
"""A longer step, in pixels, means that the heatmap is no Gaussian there: the plain position is kept."""

LEAST = 1e-10
"""Lower bound of heatmap values (a logarithm needs positive numbers) and of a maximum's determinant."""


def decode_dark(heatmaps: FloatArray, sigma: float) -> tuple[FloatArray, FloatArray]:
    """Return sub-pixel peaks; otherwise like `pose.decode.decode`.

    Args:
        heatmaps: (N, K, H, W) float32.
        sigma: standard deviation of the training targets' Gaussians, in heatmap pixels.

    Returns:
        keypoints (N, K, 2) float32, NaN where the maximum is <= 0; scores (N, K), the maxima.
    """
    keypoints, scores = decode(heatmaps)
    n, k, height, width = heatmaps.shape
    if n * k == 0 or height <= 2 * NEAR or width <= 2 * NEAR:
        return keypoints, scores
    peak = heatmaps.reshape(n, k, -1).argmax(axis=2)
    x, y = peak % width, peak // width
    inside = (x >= NEAR) & (x < width - NEAR) & (y >= NEAR) & (y < height - NEAR)
    step, curved = _taylor(np.log(np.maximum(_smoothed(heatmaps, x, y, sigma), LEAST)))
    take = inside & curved & (np.abs(step) <= FURTHEST).all(axis=2) & (scores > 0)
    exact = np.stack([x, y], axis=2) + step
    return np.where(take[..., None], exact, keypoints).astype(np.float32), scores


def _smoothed(heatmaps: FloatArray, x: np.ndarray, y: np.ndarray, sigma: float) -> np.ndarray:
    """(N, K, 5, 5): the smoothed heatmaps around (x, y); only that window is computed. Zero outside."""
    n, k, height, width = heatmaps.shape
    radius = round(REACH * sigma)
    reach = NEAR + radius
    offsets = np.arange(-reach, reach + 1)
    rows, columns = y[..., None] + offsets, x[..., None] + offsets
    in_rows, in_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    index = np.clip(rows, 0, height - 1)[..., :, None] * width + np.clip(columns, 0, width - 1)[..., None, :]
    flat = heatmaps.reshape(n, k, -1)
    patch = np.take_along_axis(flat, index.reshape(n, k, -1), axis=2).reshape(index.shape)
    patch = patch * (in_rows[..., :, None] & in_columns[..., None, :])
    # A 2-D Gaussian is separable: rows first, then columns, each a small matrix.
    gaussian = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    gaussian /= gaussian.sum()
    shadow = np.zeros((2 * NEAR + 1, 2 * reach + 1))
    for row in range(2 * NEAR + 1):
        shadow[row, row : row + 2 * radius + 1] = gaussian
    return np.asarray(shadow @ patch @ shadow.T)


def _taylor(log: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, K, 5, 5) -> the step (N, K, 2) from the middle to the centre; (N, K) whether it is a maximum."""
    c = NEAR
    dx = (log[..., c, c + 1] - log[..., c, c - 1]) / 2
    dy = (log[..., c + 1, c] - log[..., c - 1, c]) / 2
    dxx = (log[..., c, c + 2] - 2 * log[..., c, c] + log[..., c, c - 2]) / 4
    dyy = (log[..., c + 2, c] - 2 * log[..., c, c] + log[..., c - 2, c]) / 4
    around = log[..., c + 1, c + 1] - log[..., c - 1, c + 1] - log[..., c + 1, c - 1] + log[..., c - 1, c - 1]
    dxy = around / 4
    determinant = dxx * dyy - dxy**2
    curved = (determinant > LEAST) & (dxx < 0)
    safe = np.where(curved, determinant, 1.0)
    step = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=-1) / safe[..., None]
    return step, curved
