"""Network parts of a training run: initialization, narrow heads, the warm-up's head, a feature teacher."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from shufflecam.models.shufflenet import STAGE_CHANNELS, PoseNet, ShuffleUnit
from shufflecam.train.pose.recipe import FULL_WIDTH

BINS_PER_COLUMN = 8
"""Coordinate classes per column or row of the backbone's output: one per 4 px of the input."""

BRANCH_START = 0.2
"""Initial scale of the residual branches: small, so that a deep random net starts near the identity."""


def build(keypoints: int, head_width: tuple[int, int, int] = FULL_WIDTH) -> PoseNet:
    """Return a pose network with random weights from torch's global generator.

    The last layer starts small, so that the first heatmaps are near 0 everywhere.
    """
    net = PoseNet(keypoints, head_width)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        elif isinstance(module, nn.ConvTranspose2d):
            # With a 4x4 kernel and stride 2, four taps contribute to each output.
            nn.init.normal_(module.weight, std=math.sqrt(2 / (4 * module.in_channels)))
        if isinstance(module, ShuffleUnit) and not module.downsample:
            nn.init.constant_(module.g_conv_1x1_expand.bn.weight, BRANCH_START)
    nn.init.normal_(net.head.final_layer.weight, std=0.005)
    assert net.head.final_layer.bias is not None
    nn.init.zeros_(net.head.final_layer.bias)
    return net


def widen(tensors: Mapping[str, Tensor], keypoints: int) -> dict[str, Tensor]:
    """Return the weights of the full network that computes the same as one with a narrow head.

    New channels have zero weights and neutral batch norms, so that they are 0 after the ReLU and have no
    effect on what follows.
    """
    full = PoseNet(keypoints).state_dict()
    wide: dict[str, Tensor] = {}
    for name, target in full.items():
        source = tensors[name]
        if source.shape == target.shape:
            wide[name] = source.clone()
            continue
        neutral = 1.0 if name.endswith(("running_var", "weight")) and source.ndim == 1 else 0.0
        grown = torch.full(target.shape, neutral, dtype=source.dtype)
        grown[tuple(slice(0, length) for length in source.shape)] = source
        wide[name] = grown
    return wide


class CoordinateHead(nn.Module):
    """Head of the backbone's warm-up: joints' columns and rows as classes, from its pooled output.

    (N, 960, h, w) -> logits (N, K, 8 w) of x and (N, K, 8 h) of y.
    """

    def __init__(self, keypoints: int) -> None:
        super().__init__()
        self.keypoints = keypoints
        self.x = nn.Linear(STAGE_CHANNELS[-1], keypoints * BINS_PER_COLUMN)
        self.y = nn.Linear(STAGE_CHANNELS[-1], keypoints * BINS_PER_COLUMN)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self._logits(self.x, features.mean(2)), self._logits(self.y, features.mean(3))

    def _logits(self, layer: nn.Linear, profile: Tensor) -> Tensor:
        n, _, cells = profile.shape
        values = layer(profile.transpose(1, 2)).view(n, cells, self.keypoints, BINS_PER_COLUMN)
        return values.permute(0, 2, 1, 3).reshape(n, self.keypoints, cells * BINS_PER_COLUMN)


class FeatureTeacher(nn.Module):
    """A detector's intermediate features at strides 8, 16 and 32, as targets of our three stages.

    Takes our normalised crops; the detector expects RGB in 0..1.
    """

    LAYERS = (4, 6, 9)
    """In the yolov8 family: the ends of the backbone's stages."""

    def __init__(self, detector: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.layers = nn.ModuleList(list(detector.model)[: self.LAYERS[-1] + 1])  # type: ignore[arg-type]
        self.register_buffer("mean", mean.view(1, 3, 1, 1) / 255)
        self.register_buffer("std", std.view(1, 3, 1, 1) / 255)
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, crops: Tensor) -> list[Tensor]:
        x = crops * self.get_buffer("std") + self.get_buffer("mean")
        outputs = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.LAYERS:
                # Each channel to zero mean and unit deviation over the batch, so that all count equally.
                deviation, mean = torch.std_mean(x, (0, 2, 3), keepdim=True)
                outputs.append((x - mean) / (deviation + 0.05))
        return outputs


class Projections(nn.Module):
    """1x1 convolutions from our stages' channels to the teacher's."""

    def __init__(self, targets: list[int]) -> None:
        super().__init__()
        pairs = zip(STAGE_CHANNELS, targets, strict=True)
        self.layers = nn.ModuleList(nn.Conv2d(ours, theirs, 1) for ours, theirs in pairs)

    def loss(self, stages: list[Tensor], targets: list[Tensor]) -> Tensor:
        """Return the mean squared error over the three stages."""
        parts = [
            (layer(stage) - target).square().mean()
            for layer, stage, target in zip(self.layers, stages, targets, strict=True)
        ]
        return torch.stack(parts).mean()
