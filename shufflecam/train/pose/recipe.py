"""Settings of a training run. The defaults are the published recipe of the 256x192 COCO net."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from shufflecam.core.errors import UsageError
from shufflecam.train.loop import plain_value
from shufflecam.train.pose.augment import Augmentation

Loss = Literal["mse", "ce", "ce-mse"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]

FULL_WIDTH = (256, 256, 256)
"""The head's channels in the published network."""


@dataclass(frozen=True)
class Recipe:
    """All settings that determine a run, so that a resumed one can be checked against them."""

    input_size: tuple[int, int] = (192, 256)
    """(width, height) of the last phase and of the exported network."""
    sigma: float = 2.0
    """Of the target Gaussians in heatmap px at `input_size`; scaled by the square root of a phase's width."""
    batch: int = 512
    epochs: float = 210.0
    lr: float = 5e-4
    schedule: Literal["step", "cosine"] = "step"
    milestones: tuple[float, ...] = (170 / 210, 200 / 210)
    """For "step": fractions of the run after which the rate drops to a tenth."""
    warmup_steps: int = 500
    """Steps over which the rate rises linearly."""
    weight_decay: float = 0.0
    loss: Loss = "mse"
    """mse: the reference's. ce: cross-entropy of the softmaxed heatmap. ce-mse: a transition between them."""
    ce_share: float = 0.6
    """For "ce-mse": fraction of the run after which only the MSE counts."""
    unbiased: bool = False
    """Gaussians at the true position instead of the nearest pixel (DARK)."""
    coordinate_warmup: float = 0.0
    """First fraction of the run, in which only the backbone is trained, on coordinates as classes."""
    distill: float = 0.0
    """Weight of the loss against a detector's features; decays to 0 over `distill_share` of the run."""
    distill_share: float = 0.5
    sizes: tuple[tuple[int, int, float], ...] = ()
    """Progressive sizes: (width, height, fraction of the run), in order; the rest is at `input_size`."""
    head_width: tuple[int, int, int] = FULL_WIDTH
    """Channels of the three deconvolutions; fewer train faster, and the export pads them with zeros."""
    ema: float = 0.0
    """Decay of the averaged weights that are measured and exported; 0: no averaging."""
    precision: Precision = "auto"
    """auto: bfloat16 on CUDA, float32 elsewhere."""
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        """Reject invalid settings. Raises UsageError."""
        for width, height in ((w, h) for w, h, _ in (*self.sizes, (*self.input_size, 1.0))):
            if width % 32 or height % 32 or min(width, height) < 32:
                raise UsageError(
                    f"An input of {width}x{height} is not made of multiples of 32 (width x height)."
                )
        if sum(share for _, _, share in self.sizes) > 1 or any(share <= 0 for _, _, share in self.sizes):
            raise UsageError("The shares of the progressive sizes must be above 0 and sum up to at most 1.")
        if self.epochs <= 0 or self.batch < 2:
            raise UsageError("A run needs more than 0 epochs and batches of at least 2 (batch norm).")
        if any(not 1 <= width <= full for width, full in zip(self.head_width, FULL_WIDTH, strict=True)):
            raise UsageError(f"A head of {self.head_width} channels is not within 1..{FULL_WIDTH[0]}.")

    def size_at(self, share: float) -> tuple[int, int]:
        """Return (width, height) of the input after this fraction of the run."""
        end = 0.0
        for width, height, part in self.sizes:
            end += part
            if share < end:
                return width, height
        return self.input_size

    def lr_at(self, step: int, total: int) -> float:
        """Return the learning rate of a step of `total`."""
        share = step / total
        if step < self.warmup_steps:
            return self.lr * max((step + 1) / self.warmup_steps, 1e-3)
        if self.schedule == "cosine":
            return self.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        return self.lr * 0.1 ** sum(share >= milestone for milestone in self.milestones)

    def mse_share(self, share: float) -> float:
        """Return the weight of the MSE in the heatmap loss after this fraction of the run, 0..1."""
        if self.loss == "ce-mse":
            return min(1.0, share / self.ce_share)
        return 1.0 if self.loss == "mse" else 0.0

    def distill_at(self, share: float) -> float:
        """Return the weight of the feature loss after this fraction of the run."""
        return self.distill * max(0.0, 1 - share / self.distill_share) if self.distill_share else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, tuples as lists, for checkpoints and histories."""
        values = asdict(self)
        return {key: plain_value(value) for key, value in values.items()}
