"""The loop of every training run: it stops on request, logs, measures, saves and resumes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from shufflecam.core.errors import Interrupted, UsageError
from shufflecam.train.checkpoint import load_state
from shufflecam.train.history import History

CHECKPOINT = "last.pt"
"""File in a run's folder with everything needed to resume."""

LOG_EVERY = 50
"""Steps between two lines of the history; fewer in a run of less than `LINES` times as many steps."""

LINES = 40
"""Number of points that make a readable curve."""

N = TypeVar("N", covariant=True)


class Steps(Protocol[N]):
    """A run, as seen by the loop."""

    step: int
    """Steps done."""
    steps: int
    """Steps of the whole run."""
    seconds: float
    """Time spent in steps, over all invocations."""
    history: History

    def train_step(self) -> list[float]:
        """Run one step; return its weighted losses."""
        ...

    def line(self, losses: list[float] | None) -> dict[str, Any]:
        """Return the state of the run for the history, with the mean losses if they are given."""
        ...

    def averaged(self) -> N:
        """Return a copy of the network to measure."""
        ...

    def save(self) -> None:
        """Write the checkpoint."""
        ...


def run_steps(
    run: Steps[N],
    *,
    stop: Callable[[], bool],
    on_step: Callable[[float], None],
    measure: Callable[[N], float] | None,
    measure_every: int,
    save_seconds: float,
) -> None:
    """Train to the end.

    Args:
        run: the run to train.
        stop: called before every step.
        on_step: called with each step's loss.
        measure: a network -> its AP, for the history.
        measure_every: steps between measurements; 0: only at the end.
        save_seconds: time between checkpoints.

    Raises:
        Interrupted: `stop` returned true; everything is saved.
        OutputError: the disk is full; the last good checkpoint is intact.
    """
    saved = time.monotonic()
    losses: list[list[float]] = []
    every = max(1, min(LOG_EVERY, run.steps // LINES))
    while run.step < run.steps:
        if stop():
            if losses:
                run.history.add(run.line(np.mean(losses, axis=0).tolist()))
            run.save()
            raise Interrupted(f"stopped after step {run.step} of {run.steps}; the same command goes on")
        began = time.monotonic()
        losses.append(run.train_step())
        run.seconds += time.monotonic() - began
        on_step(sum(losses[-1]))
        last = run.step == run.steps
        if last or run.step % every == 0:
            run.history.add(run.line(np.mean(losses, axis=0).tolist()))
            losses = []
        if measure is not None and (last or (measure_every and run.step % measure_every == 0)):
            run.history.add({**run.line(None), "ap": measure(run.averaged())})
        if last or time.monotonic() - saved > save_seconds:
            run.save()
            saved = time.monotonic()


def earlier_state(folder: Path, recipe: dict[str, Any]) -> dict[str, Any] | None:
    """Return the checkpoint to resume from; None if the folder has none.

    Raises:
        UsageError: it belongs to a run with other settings.
        WeightsError: it is damaged.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    state = load_state(path)
    changed = differences(state["recipe"], recipe)
    if changed:
        raise UsageError(
            f"{folder} holds a run with other settings ({'; '.join(changed[:3])}); "
            "give the same ones to go on, or another folder to begin anew."
        )
    return state


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return descriptions of the differences between two recipes' dictionaries."""
    return [
        f"{key} was {old.get(key)} and is {new.get(key)}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def plain_value(value: Any) -> Any:
    """Return a value with all tuples in it as lists, as JSON has them."""
    if isinstance(value, (tuple, list)):
        return [plain_value(item) for item in value]
    if isinstance(value, dict):
        return {key: plain_value(item) for key, item in value.items()}
    return value
