"""The networks of the detector's training: a teacher's dense outputs, the student, and the losses between.

A teacher of the yolov8 family has an output at every anchor: a person logit and a box. A student that
is trained on all of them learns from far fewer pictures than from boxes alone, and needs no labels:
Hinton et al. 2015, "Distilling the knowledge in a neural network"; Romero et al. 2015, "FitNets", for the
intermediate features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from shufflecam.core.errors import UsageError
from shufflecam.models.yolo import build_network

if TYPE_CHECKING:
    from pathlib import Path

STUDENT = "yolov8n"
STRIDES = (8, 16, 32)
BINS = 16
"""Number of bins for the distance of a box's side from its anchor, in strides: yolov8's `reg_max`."""

TAPS = (6, 9, 15, 18, 21)
"""Layers of yolov8 whose features are distilled: the backbone's ends at strides 16 and 32, and the three
that the head reads."""

TRUST = 0.08
"""Teacher's score up to which the box of an anchor is ignored."""

LEAST_QUALITY = 0.2
"""Fraction of the teacher's score that remains where the student's box misses: not 0, the person is there."""

GOOD_OVERLAP = 0.9
"""CIoU with the teacher's box from which a box has full quality."""


@dataclass(frozen=True, eq=False)
class Answers:
    """A teacher's outputs for N views, A anchors each (those of stride 8 first, row by row)."""

    logits: Tensor
    """(N, A): person logit of each anchor."""
    sides: Tensor
    """(N, 4, A): distances of left, top, right, bottom from the anchor, in strides."""
    features: tuple[Tensor, ...]
    """(N, C, H, W), one per tap."""


class Teacher(nn.Module):
    """A yolov8 detector that returns its outputs before suppression.

    Takes (N, 3, S, S) RGB in 0..1.
    """

    def __init__(self, detector: Any, person: int) -> None:
        """Take over the detector's layers.

        Args:
            detector: ultralytics' `DetectionModel` of the yolov8 family.
            person: the class index of people.

        Raises:
            UsageError: it is of another family.
        """
        super().__init__()
        self._layers = nn.ModuleList(list(detector.model))
        self._from = [layer.f for layer in detector.model]
        self._person = person
        head: Any = self._layers[-1]
        if len(self._layers) != TAPS[-1] + 2 or list(head.f) != list(TAPS[2:]):
            raise UsageError("The teacher must be a detector of the yolov8 family, such as yolov8s.")
        self.requires_grad_(False).eval()

    @classmethod
    def from_file(cls, path: Path) -> Teacher:
        """Load a detector. Raises WeightsError or UsageError."""
        from shufflecam.models.yolo import load_network

        network = load_network(path)
        return cls(network.module, network.person)

    @torch.no_grad()
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return logits, sides and features, as in `Answers`, of (N, 3, S, S)."""
        outputs: list[Tensor] = []
        for layer, source in zip(self._layers[:-1], self._from, strict=False):
            x = layer(_inputs(x, outputs, source))
            outputs.append(x)
        head: Any = self._layers[-1]
        logits, sides = [], []
        bins = torch.arange(float(BINS), device=x.device).view(1, 1, BINS, 1)
        for level, tap in enumerate(TAPS[2:]):
            boxes = head.cv2[level](outputs[tap])
            logits.append(head.cv3[level](outputs[tap])[:, self._person].flatten(1))
            shares = boxes.reshape(boxes.shape[0], 4, BINS, -1).softmax(2)
            sides.append((shares * bins).sum(2))
        return torch.cat(logits, 1), torch.cat(sides, 2), *(outputs[tap] for tap in TAPS)


def _inputs(x: Tensor, outputs: list[Tensor], source: int | list[int]) -> Any:
    """Return what a layer of ultralytics' description reads: the previous output, an earlier one, several."""
    if isinstance(source, int):
        return x if source == -1 else outputs[source]
    return [x if index == -1 else outputs[index] for index in source]


class Student(nn.Module):
    """A yolov8n with one class in training, with access to its features."""

    def __init__(self, teacher_channels: list[int]) -> None:
        """Initialize random weights. `teacher_channels`: numbers of channels of the teacher's taps."""
        super().__init__()
        self.net = build_network(STUDENT, 1).train()
        layers: Any = self.net.model
        self._taps: dict[int, Tensor] = {}

        def keep(index: int) -> Any:
            return lambda module, inputs, output: self._taps.__setitem__(index, output)

        for tap in TAPS:
            layers[tap].register_forward_hook(keep(tap))
        with torch.no_grad():
            self.net.eval()(torch.zeros(1, 3, 64, 64))
            self.net.train()
        channels = {tap: int(self._taps[tap].shape[1]) for tap in TAPS}
        self.projections = nn.ModuleList(
            nn.Conv2d(channels[tap], theirs, 1) for tap, theirs in zip(TAPS, teacher_channels, strict=True)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Map (N, 3, S, S) RGB in 0..1 to logits (N, A), bins (N, A, 4, 16), features like the teacher's."""
        raw = self.net(x)
        bins = raw["boxes"].unflatten(1, (4, BINS)).permute(0, 3, 1, 2)
        features = [layer(self._taps[tap]) for layer, tap in zip(self.projections, TAPS, strict=True)]
        return raw["scores"][:, 0], bins, features


def anchors(size: int) -> Tensor:
    """Return (A, 2) centres of the anchors of a square view, in strides."""
    levels = []
    for stride in STRIDES:
        axis = torch.arange(size // stride) + 0.5
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        levels.append(torch.stack([x, y], -1).reshape(-1, 2))
    return torch.cat(levels)


def anchor_strides(size: int) -> Tensor:
    """Return (A,) pixels per stride of each of `anchors`."""
    return torch.cat([torch.full(((size // stride) ** 2,), float(stride)) for stride in STRIDES])


def mirror(answers: Answers, size: int) -> Answers:
    """Return the outputs for the mirrored views."""
    sides = _mirror_anchors(answers.sides, size)[:, [2, 1, 0, 3]]
    features = tuple(feature.flip(3) for feature in answers.features)
    return Answers(_mirror_anchors(answers.logits, size), sides, features)


def _mirror_anchors(values: Tensor, size: int) -> Tensor:
    """Return (..., A) with each level's rows reversed."""
    parts, start = [], 0
    for stride in STRIDES:
        cells = size // stride
        level = values[..., start : start + cells * cells].unflatten(-1, (cells, cells))
        parts.append(level.flip(-1).flatten(-2))
        start += cells * cells
    return torch.cat(parts, -1)


def score_loss(logits: Tensor, target: Tensor, quality: Tensor | None = None) -> Tensor:
    """Return the cross-entropy against the teacher's scores, weighted by the difference, per unit of target.

    The weighting is that of quality focal loss (Li et al. 2020) with exponent 1, plus a constant, so
    that the thousands of empty anchors do not outweigh the few with people.

    Args:
        logits: (N, A), the student's.
        target: (N, A), the teacher's logits.
        quality: the last result of `box_losses`; without it a score is the teacher's confidence, with it also
            the quality of the student's own box, and so which of two boxes to prefer.
    """
    wanted = target.sigmoid()
    if quality is not None:
        wanted = wanted * quality
    loss = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    loss = loss * (1 + 2 * (logits.sigmoid() - wanted).abs().detach())
    return loss.sum() / wanted.sum().clamp(min=1)


def box_losses(bins: Tensor, answers: Answers, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the distribution loss, 1 - CIoU, and the quality of the student's boxes.

    The losses are weighted by the teacher's score, over the anchors where it exceeds `TRUST`. The quality is
    (N, A) in `LEAST_QUALITY`..1, without a gradient; 1 at all other anchors.

    Args:
        bins: (N, A, 4, 16) logits of the student.
        answers: the teacher's.
        points: `anchors` of this size.
    """
    from ultralytics.utils.metrics import bbox_iou

    scores = answers.logits.sigmoid()
    trusted = scores > TRUST
    weights = scores[trusted]
    total = weights.sum().clamp(min=1)
    logs = bins[trusted].log_softmax(-1)
    wanted = answers.sides.permute(0, 2, 1)[trusted].clamp(0, BINS - 1.01)
    low = wanted.long()
    upper = wanted - low
    spread = -(
        logs.gather(-1, low[..., None])[..., 0] * (1 - upper)
        + logs.gather(-1, (low + 1)[..., None])[..., 0] * upper
    ).mean(-1)
    centres = points.to(bins.device)[None].expand(len(scores), -1, -1)[trusted]
    steps = torch.arange(float(BINS), device=bins.device)
    ours = _corners(centres, (logs.exp() * steps).sum(-1))
    overlap = bbox_iou(ours, _corners(centres, wanted), xywh=False, CIoU=True)[:, 0]
    covered = (overlap.detach() / GOOD_OVERLAP).clamp(0, 1)
    quality = torch.ones_like(scores)
    quality[trusted] = LEAST_QUALITY + (1 - LEAST_QUALITY) * covered
    return (spread * weights).sum() / total, ((1 - overlap) * weights).sum() / total, quality


def _corners(centres: Tensor, sides: Tensor) -> Tensor:
    return torch.cat([centres - sides[:, :2], centres + sides[:, 2:]], 1)


def feature_loss(ours: list[Tensor], theirs: tuple[Tensor, ...]) -> Tensor:
    """Return the mean squared error over all taps; the targets have unit deviation per channel."""
    parts = [(a - b).square().mean() for a, b in zip(ours, theirs, strict=True)]
    return torch.stack(parts).mean()
