"""`shufflecam cameras`: the available cameras, the modes they offer, and the rates they deliver."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from typing import TYPE_CHECKING

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.options.common import debug_option
from shufflecam.sources.live.probe import Report, report_on

if TYPE_CHECKING:
    from shufflecam.sources.live.v4l2 import Mode


@click.command(
    short_help="List the cameras and what they offer.",
    epilog="""\b
Examples:
  shufflecam cameras
  shufflecam cameras --no-measure --json
  shufflecam webcam --camera "part of its name"
""",
)
@click.option(
    "--measure/--no-measure",
    default=True,
    show_default=True,
    help="Open each camera for two seconds and count its pictures (its light goes on).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON array on standard output, for programs.")
@debug_option
def command(measure: bool, as_json: bool) -> None:
    """List the cameras: number, name, what they offer, and whether they can be opened.

    On Linux asked of the video driver (V4L2). On macOS and Windows there are names and numbers only, and
    that is untested.
    """
    from shufflecam.sources.live.cameras import list_cameras

    talk = Terminal()
    if not sys.platform.startswith("linux"):
        talk.note("listing cameras is untested on this system; their order may be another one")
    reports = [report_on(camera, measure) for camera in list_cameras()]
    if as_json:
        click.echo(json.dumps([report.as_dict() for report in reports], indent=1))
        return
    if not reports:
        talk.say("No camera was found; plug one in, or play a file as one: shufflecam webcam --replay FILE")
        return
    _print(reports)


def mode_lines(modes: tuple[Mode, ...]) -> list[str]:
    """Return one line per pixel format: "MJPG  1920x1080 30, 15;  1280x720 60"."""
    lines = []
    for name, group in groupby(modes, key=lambda mode: mode.pixel_format):
        sizes = []
        for mode in group:
            size = "{}x{}".format(*mode.size)
            if mode.smallest is not None:
                size = "{}x{} to {}".format(*mode.smallest, size)
            rates = ", ".join(f"{float(rate):.5g}" for rate in mode.rates)
            sizes.append(f"{size} at {rates}" if rates else size)
        lines.append(f"{name}  " + ";  ".join(sizes))
    return lines


def _print(reports: list[Report]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("number", "device", "name", "opens", "gives", "offers (size at frames a second)"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("number", "device", "opens"))
    for report in reports:
        opens = {None: "not tried", True: "[green]yes[/]", False: "[red]no[/]"}[report.opened]
        gives = report.problem
        if report.size is not None:
            rate = "?" if report.fps is None else f"{report.fps:g}"
            gives = "{}x{} at {} fps".format(*report.size, rate)
        table.add_row(
            str(report.camera.index),
            report.camera.path,
            Text(report.camera.name),
            opens,
            Text(gives),
            "\n".join(mode_lines(report.modes)) or "not told",
        )
    Console(width=None if sys.stdout.isatty() else 140, highlight=False).print(table)
