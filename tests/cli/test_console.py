"""Names with brackets, which rich takes for markup: "dance [final].mp4", and rtsp://[fe80::1]/live."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from rich.console import Console

from shufflecam.cli.console import Terminal, duration, rate_of
from shufflecam.cli.progress import _overview
from shufflecam.cli.terminal.status import StatusViewer
from shufflecam.core.words import counted
from shufflecam.jobs.batch.plan import DONE, Item, Report
from shufflecam.live.hud import Figures
from shufflecam.live.state import LiveState

NAMES = ("dance [final].mp4", "x[/b].mp4")
"""The first lost its brackets; the second, b].mp4 in the folder x[, ended the whole run with an error."""


def terminal() -> tuple[Terminal, io.StringIO]:
    outlet = io.StringIO()
    return Terminal(_console=Console(file=outlet, force_terminal=True, width=120)), outlet


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


def test_a_rate_is_of_what_is_done() -> None:
    assert rate_of(24.06) == "24.1 fps"
    assert rate_of(3.2, "step") == "3.2 steps/s"
    assert rate_of(0.4, "step") == "2.5 s/step"
    assert rate_of(5.0, "person") == "5.0 people/s"
    assert rate_of(None, "step") == rate_of(0.0, "step") == ""
    talk, outlet = terminal()
    with talk.progress("steps", 100, each="step", done=40) as meter:
        for _ in range(3):
            meter.advance("loss 1.0")
        meter._progress.refresh()  # type: ignore[union-attr]
    assert "43/100" in outlet.getvalue()
    assert "fps" not in outlet.getvalue()
    assert [duration(s) for s in (0.2, 59, 600, 9000)] == ["0 s", "59 s", "10 min", "2.5 h"]


def test_numbers_of_things_are_said_as_people_say_them() -> None:
    assert [counted(n, "person") for n in (0, 1, 2)] == ["0 people", "1 person", "2 people"]
    assert [counted(n, "whole frame") for n in (1, 5)] == ["1 whole frame", "5 whole frames"]
    assert [counted(n, "box") for n in (1, 2)] == ["1 box", "2 boxes"]


def test_the_status_line_of_a_stream() -> None:
    talk, outlet = terminal()
    face = StatusViewer(talk.console)
    face.show(
        np.zeros((0, 0, 3), np.uint8), None, Figures(trouble="rtsp://[fe80::1]/x[/y] ended"), LiveState()
    )
    face._status._live.refresh()  # type: ignore[union-attr]
    face.close()
    assert "rtsp://[fe80::1]/x[/y] ended" in outlet.getvalue()
