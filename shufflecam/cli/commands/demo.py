"""`shufflecam demo`: run the complete video job on a generated clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.help import GroupedCommand
from shufflecam.cli.options.common import common_options
from shufflecam.cli.options.shared import model_options
from shufflecam.core.words import counted
from shufflecam.pipeline.stop import stop_on_signals


@click.command(
    short_help="Try it: a clip made from two photos, and its skeletons.",
    cls=GroupedCommand,
    epilog="""\b
Example:
  shufflecam demo
""",
)
@click.option(
    "-o",
    "--out",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default="./shufflecam-demo",
    show_default=True,
    help="Where the clip, the video and the record go; the demo's own files there are replaced.",
)
@model_options
@common_options
def command(folder: Path, quiet: bool, **options: Any) -> None:
    """Make a ten-second clip from two photos and run the whole video job on it."""
    from shufflecam.cli.options.finder import pop_settings
    from shufflecam.jobs.demo import run_demo

    talk = Terminal(quiet)
    settings = pop_settings({**options, "track": True, "smooth": True})
    with stop_on_signals() as stop:
        outcome, video = run_demo(folder, settings, talk, stop)
    outcome.check()
    talk.say(
        f"\nDone. Look at {video}; the keypoints of its {counted(outcome.frames, 'frame')} are in "
        f"{folder / 'poses.jsonl'}.\n"
        f"Next: shufflecam webcam, or shufflecam video YOUR.mp4 --out SKELETONS.mp4"
    )
