"""The training run of a person detector: a yolov8n with one class, distilled from a larger detector.

A run lives in a folder, like that of a pose network: `views/` (made once), `last.pt`, `history.jsonl`,
`curve.png`. It resumes where it stopped, and what a step draws depends only on the seed and its number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shufflecam.core.errors import UsageError
from shufflecam.models.yolo import build_network, inference_network
from shufflecam.train.averaging import update_average
from shufflecam.train.checkpoint import save_state
from shufflecam.train.history import History
from shufflecam.train.loop import CHECKPOINT, earlier_state, run_steps
from shufflecam.train.person.crops import degrade
from shufflecam.train.person.nets import (
    STUDENT,
    Answers,
    Student,
    anchors,
    box_losses,
    feature_loss,
    mirror,
    score_loss,
)
from shufflecam.train.person.views import Views

CLIP_NORM = 10.0


@dataclass(frozen=True)
class DetectorRecipe:
    """All settings that determine a run."""

    epochs: float = 8.0
    batch: int = 8
    """Small: with few pictures the number of steps matters more than low gradient noise."""
    lr: float = 2e-3
    last_lr: float = 0.05
    """Final rate as a fraction of `lr`; it decays along a cosine."""
    warmup: float = 0.03
    """Fraction of the run in which the rate rises."""
    weight_decay: float = 0.02
    scores: float = 1.0
    """Weights of the losses: scores, distances, overlap, features."""
    distances: float = 1.5
    overlap: float = 6.0
    features: float = 3.0
    ema: float = 0.9985
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject invalid settings. Raises UsageError."""
        if self.epochs <= 0 or self.batch < 2:
            raise UsageError("A run needs more than 0 epochs and batches of at least 2 (batch norm).")

    def lr_at(self, step: int, total: int) -> float:
        """Return the learning rate of a step of `total`."""
        share = step / total
        if share < self.warmup:
            return self.lr * max(share / self.warmup, 1e-3)
        cosine = 0.5 * (1 + math.cos(math.pi * (share - self.warmup) / (1 - self.warmup)))
        return self.lr * (self.last_lr + (1 - self.last_lr) * cosine)


class DetectorRun:
    """One run in a folder; resumes the one that is there."""

    def __init__(
        self,
        folder: Path,
        views: Views,
        recipe: DetectorRecipe,
        *,
        device: str = "cpu",
        start: dict[str, Tensor] | None = None,
    ) -> None:
        """Build everything, or load it from `folder/last.pt`.

        Args:
            folder: the run's folder.
            views: with the teacher's outputs.
            recipe: the settings.
            device: "cpu", "cuda" or "cuda:N".
            start: initial tensors of the network.

        Raises:
            UsageError: the folder holds a run with other settings, or `start` does not fit.
            OutputError: the folder cannot be written.
        """
        self.folder, self.recipe, self._views = folder, recipe, views
        self._device = torch.device(device)
        self.steps = max(1, round(recipe.epochs * len(views) / recipe.batch))
        self.step, self.seconds = 0, 0.0
        torch.manual_seed(recipe.seed)
        self._student = Student(views.channels()).to(self._device)
        self._student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._points = anchors(views.size)
        # Only kernels decay: shrinking a bias or a batch norm gain does not regularize.
        kernels = [value for value in self._student.parameters() if value.ndim == 4 and value.requires_grad]
        others = [value for value in self._student.parameters() if value.ndim < 4 and value.requires_grad]
        groups = [
            {"params": kernels, "weight_decay": recipe.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, recipe.lr, betas=(0.9, 0.99))
        if start is not None:
            try:
                self._student.net.load_state_dict(start)
            except RuntimeError as error:
                raise UsageError(f"The weights to begin with are no {STUDENT} with one class.") from error
        self.average = {name: value.clone() for name, value in self._student.net.state_dict().items()}
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.zeros(0, np.int64))
        self.history = History(folder)
        self._resume()

    def run(
        self,
        *,
        stop: Callable[[], bool] = lambda: False,
        on_step: Callable[[float], None] = lambda loss: None,
        measure: Callable[[nn.Module], float] | None = None,
        measure_every: int = 0,
        save_seconds: float = 300.0,
    ) -> None:
        """Train to the end.

        Args:
            stop: called before every step.
            on_step: called with each step's loss.
            measure: the averaged network, ready for inference -> its AP50, for the history.
            measure_every: steps between measurements; 0: only at the end.
            save_seconds: time between checkpoints.

        Raises:
            Interrupted: `stop` returned true; everything is saved.
            OutputError: the disk is full; the last good checkpoint is intact.
        """
        run_steps(
            self,
            stop=stop,
            on_step=on_step,
            measure=measure,
            measure_every=measure_every,
            save_seconds=save_seconds,
        )

    def averaged(self) -> nn.Module:
        """Return a copy of the averaged network, ready for inference."""
        net = build_network(STUDENT, 1)
        net.load_state_dict(self.average)
        return inference_network(net)

    def save(self) -> None:
        """Write the checkpoint and the curve. Raises OutputError."""
        state: dict[str, Any] = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "seconds": self.seconds,
            "net": self._student.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self.average,
        }
        save_state(self.folder / CHECKPOINT, state)
        self.history.plot()

    def _resume(self) -> None:
        state = earlier_state(self.folder, asdict(self.recipe))
        if state is None:
            self.history.cut(0)  # left by a run killed before its first checkpoint
            return
        self.step, self.seconds = state["step"], state["seconds"]
        self._student.load_state_dict(state["net"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.average = {name: value.to(self._device) for name, value in state["average"].items()}
        self.history.cut(self.step)

    def train_step(self) -> list[float]:
        """Run one step; return the weighted losses of scores, distances, overlap and features."""
        recipe = self.recipe
        for group in self._optimizer.param_groups:
            group["lr"] = recipe.lr_at(self.step, self.steps)
        inputs, answers = self._batch()
        precision = torch.bfloat16 if self._device.type == "cuda" else None
        with torch.autocast(self._device.type, precision or torch.bfloat16, enabled=precision is not None):
            logits, bins, features = self._student(inputs)
        spread, overlap, quality = box_losses(bins.float(), answers, self._points)
        losses = [
            recipe.scores * score_loss(logits.float(), answers.logits, quality),
            recipe.distances * spread,
            recipe.overlap * overlap,
            recipe.features * feature_loss(features, answers.features),
        ]
        self._optimizer.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()
        nn.utils.clip_grad_norm_(self._student.net.parameters(), CLIP_NORM)
        self._optimizer.step()
        self.step += 1
        update_average(self.average, self._student.net, recipe.ema, self.step)
        return [float(loss.detach()) for loss in losses]

    def _batch(self) -> tuple[Tensor, Answers]:
        """Return the views of this step, degraded and possibly mirrored, with the teacher's outputs."""
        batch, total = self.recipe.batch, len(self._views)
        first = self.step * batch
        rng = np.random.default_rng((self.recipe.seed, self.step))
        indices = [int(self._epoch(draw // total)[draw % total]) for draw in range(first, first + batch)]
        views = self._views.views(indices).astype(np.float32)
        answers = self._views.answers(indices)
        if rng.random() < 0.5:  # the whole batch: half of all views in the long run
            views, answers = views[:, :, ::-1], mirror(answers, self._views.size)
        pixels = np.stack([degrade(view, rng) for view in views])[..., ::-1]
        inputs = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2) / 255
        moved = Answers(
            answers.logits.to(self._device),
            answers.sides.to(self._device),
            tuple(feature.to(self._device) for feature in answers.features),
        )
        return inputs.to(self._device).contiguous(memory_format=torch.channels_last), moved

    def _epoch(self, number: int) -> NDArray[np.int64]:
        """Return the order of the views in an epoch."""
        if self._order[0] != number:
            rng = np.random.default_rng((self.recipe.seed, 1, number))
            self._order = (number, rng.permutation(len(self._views)))
        return self._order[1]

    def line(self, losses: list[float] | None) -> dict[str, Any]:
        """Return the state of the run for the history, with the mean losses if they are given."""
        samples = self.step * self.recipe.batch
        line = {
            "step": self.step,
            "samples": samples,
            "epoch": round(samples / len(self._views), 3),
            "hours": round(self.seconds / 3600, 5),
            "lr": self.recipe.lr_at(self.step, self.steps),
        }
        if losses is None:
            return line
        names = ("scores", "distances", "overlap", "features")
        return {**line, "loss": sum(losses), **dict(zip(names, losses, strict=True))}
