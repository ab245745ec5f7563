"""`shufflecam images`: pictures in, annotated pictures and records out."""

from __future__ import annotations

import os
from contextlib import ExitStack
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.help import GroupedCommand
from shufflecam.cli.intent import FOLDER, arguments, kind_of, retyped, typed
from shufflecam.cli.intent import record_format as record_format_of
from shufflecam.cli.options.finder import pop_settings
from shufflecam.cli.options.shared import (
    max_pixels_option,
    model_options,
    output_options,
    take_look,
    tracking_options,
)
from shufflecam.cli.unnamed import refuse_json_value, refuse_videos
from shufflecam.core.errors import UsageError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.words import counted
from shufflecam.jobs.images import _earlier_run

if TYPE_CHECKING:
    from shufflecam.core.protocols import Sink
    from shufflecam.core.types import FrameResult
    from shufflecam.sources.pictures import ImageSource


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
    json_target: str | None,
    record_format: str,
    angles: bool,
    overwrite: bool,
    quiet: bool,
    debug: bool,
    **options: Any,
) -> None:
    """Find the keypoints of everybody in pictures.

    PATHS are files, folders, globs, or - for a list of paths on standard input. Either --out or --json
    suffices. A broken picture is said and left out, and the exit code is then 5.
    """
    from shufflecam.core.files import refuse_same_file
    from shufflecam.core.stats import Stats
    from shufflecam.drawing.drawer import drawer
    from shufflecam.jobs.boxes import note_unmatched
    from shufflecam.jobs.outputs import claimed, record_header, written_files, written_to
    from shufflecam.media.pictures import PictureSink, check_pictures, output_name
    from shufflecam.pipeline.pipeline import Pipeline
    from shufflecam.pipeline.run import raise_if_not_whole, run_pipeline
    from shufflecam.pipeline.stop import stop_on_signals
    from shufflecam.records.image_ids import number_pictures
    from shufflecam.records.open import check_record_usage, open_record
    from shufflecam.sources.pictures import open_images

    talk = Terminal(quiet)
    refuse_json_value(json_target, arguments())
    refuse_videos(paths)
    record_format = record_format_of(json_target, record_format)
    finder_options = pop_settings(options).for_pictures()
    look = take_look(options)
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
    check_record_usage(json_target, record_format, angles)
    given = finder_options.given_boxes()
    earlier, is_done = (
        _earlier_run(out, json_target, record_format) if skip_existing and not overwrite else (None, None)
    )

    with stop_on_signals() as stop, ExitStack() as stack:
        source = open_images(
            paths,
            recursive,
            on_broken=None if quiet else lambda broken: talk.note(broken.reason),
            max_pixels=max_pixels,
            leave_out=is_done,
        )
        try:
            if not source.pictures:
                talk.say("every picture is there already")
                return
            _say_left_out(source, talk)
            inputs = [(picture.name, Path(picture.path)) for picture in source.pictures]
            for _, path in inputs:
                refuse_same_file(json_target, str(path), "--json")
            drawn = [] if out is None else [out / output_name(name) for name, _ in inputs]
            stack.enter_context(claimed(json_target, *drawn))
            if out is not None:
                check_pictures(out, inputs, overwrite or skip_existing)
            image_ids = None
            if record_format == "coco":
                image_ids = number_pictures([picture.name for picture in source.pictures])
            record = open_record(json_target, record_format, overwrite, earlier, image_ids)
            stats = Stats()
            finder = finder_options.load(given, talk, stats)
            stop.writing = True
            sinks: list[Sink] = []
            # The record comes first: it takes the poses before drawing changes the picture.
            if record is not None:
                if image_ids is not None and (said := image_ids.said()):
                    talk.note(said)
                record.begin(record_header(source.info, finder, angles=angles))
                sinks.append(record)
            if out is not None:
                sinks.append(PictureSink(out, drawer(finder.skeleton, look)))
            with talk.progress("pictures", source.info.frames, each="picture") as meter:

                def unmatched() -> Missing:
                    if not source.ended:
                        return NOTHING_MISSING
                    besides = [broken.file for broken in source.broken]
                    besides += [picture.name for picture in source.done_before]
                    return note_unmatched(given, talk, besides)

                def on_result(result: FrameResult) -> None:
                    meter.advance(counted(len(result.poses), "person"))

                pipeline = Pipeline(source, finder.find, stats)
                outcome = run_pipeline(
                    pipeline, sinks, stop, on_result=on_result, missing=lambda: source.missing + unmatched()
                )
        finally:
            source.close()
    for remark in source.remarks():
        talk.note(remark)
    written = written_to(out, *written_files(record, json_target))
    talk.say(f"{counted(outcome.frames, 'picture')}, {counted(outcome.people, 'person')}{written}")
    raise_if_not_whole(outcome)


def _say_left_out(source: ImageSource, talk: Terminal) -> None:
    """At the beginning, when there is still time to do something about it."""
    from shufflecam.sources.paths import unsupported_in

    sentence = unsupported_in(source.left_out)
    if sentence is not None:
        talk.note(sentence)
    for item in source.left_out:
        if item.reason:
            talk.note(item.reason)
