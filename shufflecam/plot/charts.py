"""Draws plots to a picture file: positions, speeds and angles over time, and a heat map of the joints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shufflecam.core.errors import OutputError, UsageError
from shufflecam.core.reasons import reason
from shufflecam.plot.series import Series

ENDINGS = (".png", ".svg", ".pdf")

# Okabe & Ito 2008, without yellow and black: distinguishable with every type of colour blindness.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")

_CELLS = 48  # along the heat map's longer side


def check_plot_name(path: Path) -> None:
    """Raise UsageError if the extension is not one of `ENDINGS`."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"--out {path}: a plot ends in {', '.join(ENDINGS)}.")


def draw_plot(series: Series, path: Path, title: str) -> None:
    """Draw the plot and write it to a file.

    Args:
        series: the data to plot.
        path: output file; its extension is one of `ENDINGS`.
        title: heading; any text.

    Raises:
        OutputError: the file cannot be written.
    """
    # Not pyplot, which looks for a display.
    from matplotlib.figure import Figure

    panels = (["position", "speed"] if series.joints else []) + (["angle"] if series.angles else [])
    width = 14 if series.joints else 9
    figure = Figure(figsize=(width, 1.2 + 2.6 * max(len(panels), 2)), layout="constrained")
    columns = 2 if series.joints else 1
    grid = figure.add_gridspec(len(panels), columns, width_ratios=(3, 2)[:columns])
    shared: Any = None
    for row, panel in enumerate(panels):
        axes = figure.add_subplot(grid[row, 0], sharex=shared)
        shared = axes
        {"position": _positions, "speed": _speeds, "angle": _angles}[panel](axes, series)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
        if row < len(panels) - 1:
            axes.tick_params(labelbottom=False)
        else:
            axes.set_xlabel("time (s)")
    if series.joints:
        _heat_map(figure, figure.add_subplot(grid[:, 1]), series)
    # A $ would begin math text.
    figure.suptitle(title.encode("utf-8", "replace").decode().replace("$", r"\$"), fontsize=11)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {reason(error)}; try another folder.") from error


def _positions(axes: Any, series: Series) -> None:
    for (name, places), color in zip(series.joints.items(), _colors(series.joints), strict=True):
        _line(axes, series, places[:, 0], color, f"{name} x")
        _line(axes, series, places[:, 1], color, f"{name} y", linestyle="--")
    axes.set_ylabel("position (px)")


def _speeds(axes: Any, series: Series) -> None:
    for name, color in zip(series.joints, _colors(series.joints), strict=True):
        _line(axes, series, series.speed(name), color, name)
    axes.set_ylabel("speed (px/s)")
    axes.set_ylim(bottom=0)


def _angles(axes: Any, series: Series) -> None:
    for (name, degrees), color in zip(series.angles.items(), _colors(series.angles), strict=True):
        _line(axes, series, degrees, color, name)
    axes.set_ylabel("angle (degrees)")


def _line(axes: Any, series: Series, values: Any, color: str, label: str, linestyle: str = "-") -> None:
    # A marker shows an isolated frame between two gaps.
    alone = np.isfinite(values) & np.isnan(np.r_[np.nan, values[:-1]]) & np.isnan(np.r_[values[1:], np.nan])
    axes.plot(series.times, values, linestyle, color=color, linewidth=1.4, label=label)
    axes.plot(series.times[alone], values[alone], ".", color=color, markersize=4)


def _heat_map(figure: Any, axes: Any, series: Series) -> None:
    """Draw a heat map of the positions of all joints, and the trajectory of each."""
    places = np.concatenate(list(series.joints.values()))
    places = places[np.isfinite(places).all(axis=1)]
    if series.size is not None:
        corners = np.array([(0, 0), series.size], float)
    elif len(places):
        corners = np.stack([places.min(axis=0) - 1, places.max(axis=0) + 1])
    else:
        corners = np.array([(0, 0), (1, 1)], float)
    (left, top), (right, bottom) = corners.tolist()
    cell = max(right - left, bottom - top) / _CELLS
    bins = [max(1, round((bottom - top) / cell)), max(1, round((right - left) / cell))]
    counts, _, _ = np.histogram2d(places[:, 1], places[:, 0], bins, [(top, bottom), (left, right)])
    share = np.ma.masked_equal(counts / max(len(places), 1) * 100, 0)
    image = axes.imshow(share, extent=(left, right, bottom, top), cmap="viridis", interpolation="nearest")
    for one, color in zip(series.joints.values(), _colors(series.joints), strict=True):
        axes.plot(one[:, 0], one[:, 1], color=color, linewidth=0.7, alpha=0.7)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    axes.set_title("where: " + ", ".join(series.joints), fontsize=9, wrap=True)
    axes.set_xlabel("x (px)")
    axes.set_ylabel("y (px)")
    figure.colorbar(image, ax=axes, label="% of all places", shrink=0.7)


def _colors(names: Any) -> list[str]:
    return [COLORS[i % len(COLORS)] for i in range(len(names))]
