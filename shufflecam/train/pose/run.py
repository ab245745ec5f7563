"""The training run of a pose network: data in, checkpoints, history and curves out.

A run lives in a folder: `last.pt` (everything needed to resume), `history.jsonl`, `curve.png`. What is
drawn in a step depends only on the seed and the step's number, so that a resumed run continues as if
it had not stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from shufflecam.core.errors import UsageError
from shufflecam.core.skeleton import Skeleton
from shufflecam.models.shufflenet import OUTPUT_STRIDE, PoseNet
from shufflecam.pose.crops import PIXEL_MEAN_RGB, PIXEL_STD_RGB
from shufflecam.pose.decode import encode
from shufflecam.train.averaging import update_average
from shufflecam.train.checkpoint import save_state
from shufflecam.train.history import History
from shufflecam.train.loop import CHECKPOINT, earlier_state, run_steps
from shufflecam.train.pose import losses
from shufflecam.train.pose.batches import Draws
from shufflecam.train.pose.data import Crops, Order, People
from shufflecam.train.pose.nets import CoordinateHead, FeatureTeacher, Projections, build
from shufflecam.train.pose.recipe import Recipe

CLIP_NORM = 5.0


@dataclass(frozen=True)
class Progress:
    """Progress of a run."""

    step: int
    steps: int
    loss: float


class Run:
    """One training run in a folder; resumes the one that is there."""

    def __init__(
        self,
        folder: Path,
        people: People,
        skeleton: Skeleton,
        recipe: Recipe,
        *,
        device: str = "cpu",
        workers: int = 0,
        start: dict[str, Tensor] | None = None,
        detector: nn.Module | None = None,
    ) -> None:
        """Build everything, or load it from `folder/last.pt`.

        Args:
            folder: the run's folder; created if missing.
            people: the training data.
            skeleton: the keypoints to learn.
            recipe: the settings.
            device: "cpu", "cuda" or "cuda:N".
            workers: processes that read pictures; 0: the current one.
            start: initial tensors (a whole network, or only `backbone.*`).
            detector: for feature distillation, a network of the yolov8 family.

        Raises:
            UsageError: the folder holds a run with other settings, `start` has no matching backbone, or the
                recipe distils and there is no `detector`.
            OutputError: the folder cannot be written.
        """
        self.folder, self.recipe, self.skeleton = folder, recipe, skeleton
        self._device, self._workers = torch.device(device), workers
        self._order = Order(tuple(float(value) for value in people.repeats), recipe.seed)
        self._data = Crops(people, skeleton, recipe.augmentation, recipe.seed)
        self.steps = max(1, round(recipe.epochs * self._order.epoch_length / recipe.batch))
        self.step, self.seconds = 0, 0.0
        torch.manual_seed(recipe.seed)
        self.net = build(len(skeleton.keypoints), recipe.head_width).to(self._device)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._helpers = nn.ModuleDict()
        self._teacher: FeatureTeacher | None = None
        if recipe.coordinate_warmup:
            self._helpers["coordinates"] = CoordinateHead(len(skeleton.keypoints)).to(self._device)
        if recipe.distill and detector is not None:
            self._teacher = FeatureTeacher(detector, *_pixels()).to(self._device)
            self._helpers["projections"] = Projections(self._teacher_channels()).to(self._device)
        elif recipe.distill:
            raise UsageError("Feature distillation needs a detector's weights; add --distill-from FILE.")
        parameters = [*self.net.parameters(), *self._helpers.parameters()]
        self._optimizer = torch.optim.AdamW(parameters, recipe.lr, weight_decay=recipe.weight_decay)
        self._scaler = torch.amp.GradScaler("cuda", enabled=self._precision() is torch.float16)
        if start is not None:
            self._begin_with(start)
        self.average = {name: value.clone() for name, value in self.net.state_dict().items()}
        self._batches: Iterator[tuple[Tensor, Tensor, Tensor]] = iter(())
        self.history = History(folder)
        self._resume()

    def run(
        self,
        *,
        stop: Callable[[], bool] = lambda: False,
        on_step: Callable[[Progress], None] = lambda progress: None,
        measure: Callable[[PoseNet], float] | None = None,
        measure_every: int = 0,
        save_seconds: float = 600.0,
    ) -> None:
        """Train to the end.

        Args:
            stop: called before every step.
            on_step: called after every step.
            measure: the averaged network -> its AP, for the history.
            measure_every: steps between measurements; 0: only at the end.
            save_seconds: time between checkpoints.

        Raises:
            Interrupted: `stop` returned true; everything is saved.
            OutputError: the disk is full; the last good checkpoint is intact.
        """
        self._batches = iter(self._loader())
        run_steps(
            self,
            stop=stop,
            on_step=lambda loss: on_step(Progress(self.step, self.steps, loss)),
            measure=measure,
            measure_every=measure_every,
            save_seconds=save_seconds,
        )

    def averaged(self) -> PoseNet:
        """Return a copy of the network to measure and export, in eval mode: the average if there is one."""
        net = build(len(self.skeleton.keypoints), self.recipe.head_width)
        net.load_state_dict(self.average if self.recipe.ema else self.net.state_dict())
        return net.eval()

    def save(self) -> None:
        """Write the checkpoint and the curve. Raises OutputError."""
        state: dict[str, Any] = {
            "recipe": self.recipe.as_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "net": self.net.state_dict(),
            "helpers": self._helpers.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "average": self.average,
        }
        save_state(self.folder / CHECKPOINT, state)
        self.history.plot()

    def _resume(self) -> None:
        state = earlier_state(self.folder, self.recipe.as_dict())
        if state is None:
            self.history.cut(0)  # left by a run killed before its first checkpoint
            return
        self.step, self.seconds = state["step"], state["seconds"]
        self.net.load_state_dict(state["net"])
        self._helpers.load_state_dict(state["helpers"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self.average = {name: value.to(self._device) for name, value in state["average"].items()}
        self.history.cut(self.step)

    def _begin_with(self, start: dict[str, Tensor]) -> None:
        own = self.net.state_dict()
        fits = {
            name: value for name, value in start.items() if name in own and own[name].shape == value.shape
        }
        if not any(name.startswith("backbone.") for name in fits):
            raise UsageError("The weights to begin with have no backbone that fits.")
        self.net.load_state_dict(fits, strict=False)

    def train_step(self) -> list[float]:
        """Run one step; return its loss."""
        crops, keypoints, weights = next(self._batches)
        recipe, share = self.recipe, self.step / self.steps
        rate = recipe.lr_at(self.step, self.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self.net.train()
        inputs = self._normalised(crops)
        precision = self._precision()
        with torch.autocast(self._device.type, precision or torch.bfloat16, enabled=precision is not None):
            loss = self._loss(inputs, keypoints, weights, share)
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(self._optimizer)
        nn.utils.clip_grad_norm_(self.net.parameters(), CLIP_NORM)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.step += 1
        if recipe.ema:
            update_average(self.average, self.net, recipe.ema, self.step)
        return [float(loss.detach())]

    def _loss(self, inputs: Tensor, keypoints: Tensor, weights: Tensor, share: float) -> Tensor:
        recipe = self.recipe
        stages = self.net.backbone.stages(inputs)
        known = weights.to(self._device)
        loss = inputs.new_zeros(())
        feature_weight = recipe.distill_at(share)
        if self._teacher is not None and feature_weight:
            projections = self._helpers["projections"]
            assert isinstance(projections, Projections)
            loss = loss + feature_weight * projections.loss(stages, self._teacher(inputs))
        if share < recipe.coordinate_warmup:
            logits = self._helpers["coordinates"](stages[-1])
            inside = known * _inside(keypoints, inputs.shape).to(self._device)
            return loss + losses.coordinates(logits, keypoints.to(self._device), inside)
        heatmaps = self.net.head(stages[-1]).float()
        targets, touches = self._targets(keypoints, weights, inputs.shape)
        known = known * touches
        mse_share = recipe.mse_share(share)
        if mse_share < 1:
            loss = loss + (1 - mse_share) * losses.cross_entropy(heatmaps, targets, known)
        if mse_share > 0:
            # On the scale of the cross-entropy where both count: per joint instead of per pixel.
            factor = heatmaps[0, 0].numel() / (np.pi * recipe.sigma**2) if recipe.loss == "ce-mse" else 1.0
            loss = loss + mse_share * factor * losses.mse(heatmaps, targets, known)
        return loss

    def _targets(self, keypoints: Tensor, weights: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
        size = (shape[3] // OUTPUT_STRIDE, shape[2] // OUTPUT_STRIDE)
        sigma = self.recipe.sigma * (shape[3] / self.recipe.input_size[0]) ** 0.5
        targets, touches = encode(
            (keypoints.numpy() / OUTPUT_STRIDE).astype(np.float32),
            weights.numpy(),
            size,
            sigma,
            unbiased=self.recipe.unbiased,
        )
        return torch.from_numpy(targets).to(self._device), torch.from_numpy(touches).to(self._device)

    def _normalised(self, crops: Tensor) -> Tensor:
        """Convert (N, H, W, 3) uint8 BGR to (N, 3, H, W) float32 normalised RGB, channels last in memory."""
        mean, std = (value.to(self._device) for value in _pixels())
        pixels = crops.to(self._device).flip(3).float()
        return ((pixels - mean) / std).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

    def _precision(self) -> torch.dtype | None:
        """Return the data type of autocast; None: float32 throughout."""
        wanted = self.recipe.precision
        if wanted == "auto":
            return torch.bfloat16 if self._device.type == "cuda" else None
        return None if wanted == "float32" else getattr(torch, wanted)

    def _teacher_channels(self) -> list[int]:
        assert self._teacher is not None
        return [
            int(output.shape[1]) for output in self._teacher(torch.zeros(1, 3, 64, 64, device=self._device))
        ]

    def _loader(self) -> DataLoader[tuple[Tensor, Tensor, Tensor]]:
        return DataLoader(
            self._data,
            batch_sampler=Draws(self._order, self.recipe, self.step, self.steps),
            num_workers=self._workers,
            pin_memory=self._device.type == "cuda",
        )

    def line(self, losses: list[float] | None) -> dict[str, Any]:
        """Return the state of the run for the history, with the loss if it is given."""
        width, height = self.recipe.size_at(self.step / self.steps)
        line = {
            "step": self.step,
            "samples": self.step * self.recipe.batch,
            "epoch": round(self.step * self.recipe.batch / self._order.epoch_length, 3),
            "hours": round(self.seconds / 3600, 5),
            "size": [width, height],
            "lr": self.recipe.lr_at(self.step, self.steps),
        }
        return line if losses is None else {**line, "loss": sum(losses)}


def _pixels() -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of RGB, (3,) each."""
    return torch.from_numpy(PIXEL_MEAN_RGB), torch.from_numpy(PIXEL_STD_RGB)


def _inside(keypoints: Tensor, shape: torch.Size) -> Tensor:
    """Return (N, K), 1 where a keypoint is inside the crop; unknown ones (NaN) are not."""
    size = torch.tensor([shape[3], shape[2]], dtype=torch.float32)
    return ((keypoints >= 0) & (keypoints < size)).all(dim=2).float()
