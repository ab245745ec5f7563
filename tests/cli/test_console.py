"""Names with brackets, which rich takes for markup: "dance [final].mp4", and rtsp://[fe80::1]/live."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from rich.console import Console

from shufflecam.cli.batch import DONE, Item, Report
from shufflecam.cli.console import Talk
from shufflecam.cli.live import StatusFace
from shufflecam.cli.overview import _overview
from shufflecam.live.hud import Figures
from shufflecam.live.state import LiveState

NAMES = ("dance [final].mp4", "x[/b].mp4")
"""The first lost its brackets; the second, b].mp4 in the folder x[, ended the whole run with an error."""


def terminal() -> tuple[Talk, io.StringIO]:
    outlet = io.StringIO()
    return Talk(_console=Console(file=outlet, force_terminal=True, width=120)), outlet


def test_the_bars_of_a_batch() -> None:
    talk, outlet = terminal()
    items = [Item(name, name, Path(name), None) for name in NAMES]
    with _overview(talk, items) as view:
        for item in items:
            view.take(item, ("total", 2))
            view.take(item, ("at", 1, "1 people [0]"))
        view._progress.refresh()  # type: ignore[union-attr]
        for item in items:
            view.end(Report(item, DONE))
    for name in NAMES:
        assert name in outlet.getvalue()
    assert "1 people [0]" in outlet.getvalue()


def test_the_bar_of_one_video() -> None:
    for name in NAMES:
        talk, outlet = terminal()
        with talk.progress(name, 2) as meter:
            meter.advance("1 people")
            meter._progress.refresh()  # type: ignore[union-attr]
        assert name in outlet.getvalue()


def test_the_status_line_of_a_stream() -> None:
    talk, outlet = terminal()
    face = StatusFace(talk.console)
    face.show(
        np.zeros((0, 0, 3), np.uint8), None, Figures(trouble="rtsp://[fe80::1]/x[/y] ended"), LiveState()
    )
    face._status._live.refresh()  # type: ignore[union-attr]
    face.close()
    assert "rtsp://[fe80::1]/x[/y] ended" in outlet.getvalue()
