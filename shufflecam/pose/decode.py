"""Heatmaps -> keypoints, and back: `decode` and `encode` are inverse to half a pixel.

Axes: N people, K keypoints, H rows, W columns of the heatmap; keypoints are (x, y) in heatmap
pixels, pixel centres at integers. Source: the MSRA codec of Xiao et al., Simple Baselines (ECCV
2018), as the OpenMMLab pose models use it.
"""

from __future__ import annotations

import numpy as np

from shufflecam.core.types import FloatArray

QUARTER = np.float32(0.25)
"""Offset of a maximum towards its larger neighbour: the true peak lies between pixels."""


def decode(heatmaps: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the position and the value of each heatmap's peak.

    Args:
        heatmaps: (N, K, H, W) float32.

    Returns:
        keypoints (N, K, 2) float32 in heatmap pixels, NaN where the maximum is <= 0 ((-1, -1) in the
        reference); scores (N, K) float32, the maxima.
    """
    n, k, height, width = heatmaps.shape
    flat = heatmaps.reshape(n, k, height * width)
    peak = flat.argmax(axis=2)
    scores = np.take_along_axis(flat, peak[..., None], axis=2)[..., 0].astype(np.float32)
    x, y = peak % width, peak // width

    def at(column: np.ndarray, row: np.ndarray) -> FloatArray:
        index = np.clip(row, 0, height - 1) * width + np.clip(column, 0, width - 1)
        return np.take_along_axis(flat, index[..., None], axis=2)[..., 0]

    # The reference does not shift peaks on the outer columns or rows; its two conditions start at different
    # distances from the border, and the published results depend on both.
    move_x = (x > 1) & (x < width - 1) & (y > 0) & (y < height)
    move_y = (y > 1) & (y < height - 1) & (x > 0) & (x < width)
    shift_x = np.sign(at(x + 1, y) - at(x - 1, y)) * QUARTER * move_x
    shift_y = np.sign(at(x, y + 1) - at(x, y - 1)) * QUARTER * move_y
    keypoints = np.stack([x + shift_x, y + shift_y], axis=2).astype(np.float32)
    keypoints[scores <= 0] = np.nan
    return keypoints, scores


def flip_back(heatmaps: FloatArray, flip_order: tuple[int, ...]) -> FloatArray:
    """Return the heatmaps of a mirrored crop, mapped back to the original crop.

    Mirrors the columns, swaps left and right joints, and shifts by one column to the right (column 0 stays):
    strided convolutions are offset by half a stride to one side, and in the mirrored crop to the other.

    Args:
        heatmaps: (N, K, H, W) float32.
        flip_order: `Skeleton.flip_order`.
    """
    flipped = heatmaps[:, list(flip_order), :, ::-1].copy()
    flipped[..., 1:] = flipped[..., :-1].copy()
    return flipped


def encode(
    keypoints: FloatArray,
    visible: FloatArray,
    heatmap_size: tuple[int, int],
    sigma: float,
    *,
    unbiased: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Return training targets: one Gaussian of height 1 per joint.

    Args:
        keypoints: (N, K, 2) heatmap pixels.
        visible: (N, K), > 0 where the joint is annotated.
        heatmap_size: (width, height).
        sigma: the Gaussian's standard deviation in heatmap pixels (2 at 64 x 48, 3 at 96 x 72).
        unbiased: centre the Gaussian on the exact position instead of the nearest pixel.

    Returns:
        targets (N, K, H, W) float32; weights (N, K) float32: 0 where a joint is not annotated or its
        Gaussian (truncated at three standard deviations) does not touch the heatmap.
    """
    width, height = heatmap_size
    annotated = np.asarray(visible) > 0
    place = np.where(annotated[..., None] & np.isfinite(keypoints), keypoints, -1e6).astype(np.float32)
    nearest = np.floor(place + 0.5)
    radius = 3 * sigma
    touches = (
        (nearest[..., 0] - radius < width)
        & (nearest[..., 1] - radius < height)
        & (nearest[..., 0] + radius >= 0)
        & (nearest[..., 1] + radius >= 0)
    )
    weights = (annotated & touches).astype(np.float32)
    center = place if unbiased else nearest
    dx = np.arange(width, dtype=np.float32) - center[..., 0:1]
    dy = np.arange(height, dtype=np.float32) - center[..., 1:2]
    # A 2-D Gaussian is separable. The biased targets are truncated to a square of three standard
    # deviations, as in the reference.
    gx = np.exp(-(dx**2) / (2 * sigma**2))
    gy = np.exp(-(dy**2) / (2 * sigma**2))
    if not unbiased:
        gx *= np.abs(dx) <= radius
        gy *= np.abs(dy) <= radius
    targets = gy[..., :, None] * gx[..., None, :] * weights[..., None, None]
    return targets.astype(np.float32), weights
