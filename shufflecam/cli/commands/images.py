"""`shufflecam images`: find people in pictures; write annotated pictures and records."""

from __future__ import annotations

import os
from glob import has_magic
from pathlib import Path
from typing import Any

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.help import GroupedCommand
from shufflecam.cli.intent import FOLDER, arguments, kind_of, retyped, typed
from shufflecam.cli.options.finder import pop_settings
from shufflecam.cli.options.shared import (
    max_pixels_option,
    model_options,
    output_options,
    pop_look,
    pop_record,
    tracking_options,
)
from shufflecam.cli.unnamed import refuse_json_value, refuse_videos
from shufflecam.core.errors import UsageError
from shufflecam.core.words import counted
from shufflecam.pipeline.stop import stop_on_signals


@click.command(
    cls=GroupedCommand,
    epilog="""\b
Examples:
  shufflecam images photos/ --json
  shufflecam images photos/ --recursive --out drawn/ --json poses.json
  shufflecam images a.jpg b.jpg --out drawn/
  find . -name '*.jpg' | shufflecam images - --json poses.jsonl
""",
)
@click.argument("paths", metavar="PATHS...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Annotated pictures go here, in the same tree as the inputs.",
)
@click.option("--recursive", is_flag=True, help="Folders with everything below them.")
@click.option(
    "--skip-existing",
    is_flag=True,
    help="Go on with an earlier run: leave out pictures that are in --out and in --json FILE.jsonl already.",
)
@max_pixels_option
@model_options
@tracking_options(default=False)
@output_options
def command(
    paths: tuple[str, ...],
    out: Path | None,
    recursive: bool,
    skip_existing: bool,
    max_pixels: int,
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Find the keypoints of everybody in pictures.

    PATHS are files, folders, globs, or - for a list of paths on standard input. Either --out or --json
    suffices. A broken picture is said and left out, and the exit code is then 5.
    """
    from shufflecam.jobs.images import ImagesJob, process_images
    from shufflecam.jobs.outputs import written_to

    talk = Terminal(quiet)
    record = pop_record(options)
    refuse_json_value(record.path, arguments())
    refuse_videos(paths)
    settings = pop_settings(options).for_pictures()
    look = pop_look(options)
    _check_outputs(paths, out, record.path)
    job = ImagesJob(
        paths,
        out,
        record,
        look,
        recursive=recursive,
        skip_existing=skip_existing,
        overwrite=overwrite,
        max_pixels=max_pixels,
        note_broken=not quiet,
    )
    with stop_on_signals() as stop:
        done = process_images(job, settings, talk, stop)
    if done is None:
        talk.say("every picture is there already")
        return
    found = f"{counted(done.outcome.frames, 'picture')}, {counted(done.outcome.people, 'person')}"
    talk.say(f"{found}{written_to(*done.written)}")
    done.outcome.check()


def _check_outputs(paths: tuple[str, ...], out: Path | None, json_target: str | None) -> None:
    """Raise UsageError, with the command to type, where no output is given or --out is not a folder."""
    if out is None and json_target is None:
        here = [path for path in paths if os.path.lexists(path)] or paths
        missing = [path for path in paths if path not in here and path != "-" and not has_magic(path)]
        to = ["--out", FOLDER]
        if len(missing) == 1 and kind_of(missing[0]) == "record":
            to = ["--json", missing[0]]
        raise UsageError(
            "Nothing is asked to be written; add --out DIR, or --json, or both: "
            f"`{retyped('images', *here, leave_out=missing, add=to)}`"
        )
    if out is not None and not out.is_dir() and (out.exists() or kind_of(str(out)) == "picture"):
        right = typed("images", *paths, "--out", FOLDER)
        raise UsageError(f"--out {out} is a file; images needs a folder there: `{right}`")
