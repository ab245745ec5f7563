"""What every training run does around its steps: stop when asked, log, measure, save, go on from there."""

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
"""In a run's folder: everything to go on from."""

LOG_EVERY = 50
"""Steps between two lines of the history; fewer in a run of fewer than `LINES` times as many."""

LINES = 40
"""A curve of so many points can be looked at."""

N = TypeVar("N", covariant=True)


class Steps(Protocol[N]):
    """A run, as the loop sees it."""

    step: int
    """Steps done."""
    steps: int
    """Of the whole run."""
    seconds: float
    """Spent in steps, over all sessions."""
    history: History

    def train_step(self) -> list[float]:
        """One step more; its weighted losses."""
        ...

    def line(self, losses: list[float] | None) -> dict[str, Any]:
        """Where the run stands, for the history; with the mean losses where they are known."""
        ...

    def averaged(self) -> N:
        """A copy of the network that is measured."""
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
        run: whose steps.
        stop: asked before every step.
        on_step: told each step's loss.
        measure: a network -> its AP, for the history.
        measure_every: steps between measurements; 0: only at the end.
        save_seconds: time between checkpoints.

    Raises:
        Interrupted: `stop` said so; everything is saved.
        OutputError: the disk is full; the last good checkpoint is whole.
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
    """The checkpoint to go on from; None where the folder has none.

    Raises:
        UsageError: it is of a run with other settings.
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
    """What differs between two recipes' dictionaries, in words."""
    return [
        f"{key} was {old.get(key)} and is {new.get(key)}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def plain_value(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [plain_value(item) for item in value]
    if isinstance(value, dict):
        return {key: plain_value(item) for key, item in value.items()}
    return value
