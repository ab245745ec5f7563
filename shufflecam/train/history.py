"""The history of a run, as JSON Lines and as a plotted curve."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from shufflecam.core.errors import OutputError
from shufflecam.core.reasons import reason
from shufflecam.core.text import read_text

FEW = 100
"""A curve with fewer points than this is drawn with markers."""


class History:
    """`history.jsonl` in a run's folder: one line per log entry, written immediately."""

    def __init__(self, folder: Path) -> None:
        """Create the folder. Raises OutputError."""
        self.path = folder / "history.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Cannot make the folder {folder}: {reason(error)}.") from error

    def add(self, line: dict[str, Any]) -> None:
        """Append a line. Raises OutputError."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise OutputError(f"Cannot write {self.path}: {reason(error)}.") from error

    def lines(self) -> list[dict[str, Any]]:
        """Return all lines so far; one truncated by a crash is omitted."""
        if not self.path.exists():
            return []
        return [line for text in read_text(self.path).splitlines() if (line := _parsed(text))]

    def cut(self, step: int) -> None:
        """Discard the lines after `step`: a resumed run writes them again."""
        if not self.path.exists():
            return
        kept = [line for line in self.lines() if line.get("step", 0) <= step]
        beside = self.path.with_suffix(".part")  # a full disk must not destroy the old file
        try:
            beside.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
            os.replace(beside, self.path)
        except OSError as error:
            raise OutputError(f"Cannot write {self.path}: {reason(error)}.") from error

    def plot(self) -> Path | None:
        """Plot loss and AP over the samples to `curve.png`; return None if matplotlib is not installed."""
        try:
            from matplotlib.figure import Figure
        except ImportError:
            return None
        lines = self.lines()
        losses = [(line["samples"], line["loss"]) for line in lines if "loss" in line]
        figures = [(line["samples"], line["ap"]) for line in lines if "ap" in line]
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.add_subplot()
        axes.set_xlabel("samples")
        axes.set_ylabel("loss")
        if losses:
            # A line without markers does not show a single point.
            marker = "o" if len(losses) < FEW else ""
            axes.plot(*zip(*losses, strict=True), color="tab:blue", marker=marker, markersize=3)
            if len(losses) == 1:
                axes.set_ylim(0, 2 * losses[0][1] or 1)
        if figures:
            right = axes.twinx()
            right.set_ylabel("AP")
            right.set_ylim(0, 1)
            right.plot(*zip(*figures, strict=True), color="tab:orange", marker="o", markersize=3)
        path = self.path.with_name("curve.png")
        try:
            figure.savefig(path, dpi=120)
        except OSError as error:
            raise OutputError(f"Cannot write {path}: {reason(error)}.") from error
        return path


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
