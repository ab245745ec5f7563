"""`shufflecam video`: find people in videos; write videos with skeletons and records."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.intent import arguments
from shufflecam.cli.options.batch import many_options
from shufflecam.cli.options.encoding import encoding_options, pop_encoding
from shufflecam.cli.options.finder import pop_settings
from shufflecam.cli.options.shared import (
    deinterlace_option,
    max_pixels_option,
    model_options,
    output_options,
    pop_look,
    pop_record,
    tracking_options,
)
from shufflecam.cli.options.smooth import SmoothCommand, offline_option
from shufflecam.cli.options.types import TimeType
from shufflecam.cli.options.view import pop_view, view_options
from shufflecam.cli.unnamed import refuse_json_value, skeleton_path, sort_out
from shufflecam.core.addresses import is_address
from shufflecam.core.errors import UsageError


@click.command(
    cls=SmoothCommand,
    essential=(
        "--out",
        "--json",
        "--angles",
        "--overwrite",
        "--start",
        "--end",
        "--preset",
        "--model",
        "--detector",
        "--style",
        "--blur-faces",
        "--quiet",
    ),
    epilog="""\b
Examples:
  shufflecam video squat.mp4
  shufflecam video squat.mp4 --out drawn.mp4 --json squat.jsonl
  shufflecam video match.mp4 --start 1:30 --end 2:00 --json clip.json
  shufflecam video dance.mp4 --smooth offline --out dance-skeleton.mp4
  shufflecam video ceiling.mp4 --rotate auto --crop 0,0,1280,720 --json ceiling.jsonl
  shufflecam video solo.mp4 --detector none --out drawn.mp4 --json
  shufflecam video monday/ tuesday/ --out drawn/ --json drawn/ --skip-existing
""",
)
@click.argument("sources", metavar="INPUT...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--out",
    metavar="FILE|DIR",
    type=click.Path(),
    help="The video with skeletons (.mp4, .mov or .mkv); of many inputs a folder. Without it, and without "
    "--json, INPUT-skeleton.mp4 in the current folder.",
)
@many_options
@click.option("--start", "start_s", metavar="T", type=TimeType(), help="Begin here: seconds, or [H:]MM:SS.")
@click.option("--end", "end_s", metavar="T", type=TimeType(), help="End here.")
@click.option(
    "--step",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Take every Nth frame only; records keep the frames' own numbers and times.",
)
@view_options
@deinterlace_option
@encoding_options
@max_pixels_option
@model_options
@tracking_options(default=True, offline=True)
@offline_option
@output_options
def command(
    sources: tuple[str, ...],
    out: str | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Draw skeletons into videos, and write their keypoints.

    INPUT is a video file, or - for an encoded stream on standard input. Alone it becomes
    INPUT-skeleton.mp4 in the current folder, or the next number where that is there already.
    Sound, timing and orientation are kept; every frame is processed, unless --step says otherwise.

    Several inputs, folders and globs need --out DIR (or --json DIR). NAME.mp4, .mov and .mkv keep their
    names there, below the folder that was given; any other NAME.avi becomes NAME.mp4, a record NAME.jsonl.
    What has its name there is whole: until then it is called NAME.part.mp4, and plays. A video that fails
    does not stop the others, and the exit code is then 5.
    """
    from shufflecam.cli.progress import run_many
    from shufflecam.jobs.batch.run import BatchOptions
    from shufflecam.jobs.video import VideoJob, process_video
    from shufflecam.pipeline.stop import stop_on_signals

    talk = Terminal(quiet)
    refuse_json_value(options["json_target"], arguments())
    sources, out, options["json_target"] = sort_out(sources, out, options["json_target"])
    encoding = pop_encoding(options)
    finder_options = replace(pop_settings(options), view=pop_view(options))
    many = BatchOptions.pop_from(options)
    job = VideoJob(
        source=sources[0],
        out=Path(out) if out is not None else None,
        record=pop_record(options),
        look=pop_look(options),
        encoding=encoding,
        **options,
    )
    if is_many(sources, out, job.record.path):
        run_many(sources, job, finder_options.resolved(), many, talk)
        return
    if many.is_asked_for:
        raise UsageError("--skip-existing, --jobs and --cluster are for many videos; give --out a folder.")
    if job.out is None and not job.record.wanted:
        job = replace(job, out=skeleton_path(job.source, talk, codec=encoding.codec, overwrite=job.overwrite))
    with stop_on_signals() as stop:
        outcome = process_video(job, finder_options, talk, stop)
    outcome.check()


def is_many(sources: Sequence[str], out: str | None, json_target: str | None) -> bool:
    """Return whether the outputs are folders.

    They are for several inputs or a glob pattern, with a folder as --out, and for a folder with --json PATH.
    An address is never treated as a glob pattern, whatever characters its password contains, so that errors
    about it are reported as errors about an address.
    """
    pattern = glob.has_magic(sources[0]) and not os.path.lexists(sources[0])
    if len(sources) > 1 or (pattern and not is_address(sources[0])):
        return True
    if out is not None:
        return os.path.isdir(out) or out.endswith(("/", os.sep)) or not Path(out).suffix
    return os.path.isdir(sources[0]) and json_target not in (None, "-")
