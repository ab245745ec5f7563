"""`shufflecam video`: a video in, a video with skeletons and a record out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.console import Talk
from shufflecam.cli.options import (
    FinderOptions,
    TimeType,
    max_pixels_option,
    model_options,
    output_options,
    take_look,
    tracking_options,
)
from shufflecam.cli.twice import SmoothCommand, found_beforehand, offline_option
from shufflecam.core.errors import UsageError
from shufflecam.sources.limits import MAX_PIXELS

if TYPE_CHECKING:
    from shufflecam.cli.run import Outcome
    from shufflecam.core.protocols import Sink
    from shufflecam.core.types import Frame, FrameResult
    from shufflecam.finder import PoseFinder
    from shufflecam.render import Look


@dataclass(frozen=True)
class VideoJob:
    """What one run of `video` reads and writes."""

    source: str
    """A file, or "-" for an encoded stream on standard input."""
    out: Path | None = None
    json_target: str | None = None
    record_format: str = "shufflecam"
    start_s: float | None = None
    end_s: float | None = None
    look: Look | None = None
    """None: the default."""
    overwrite: bool = False
    smooth_offline: bool = False
    max_pixels: int = MAX_PIXELS


@click.command(
    cls=SmoothCommand,
    epilog="""\b
Examples:
  shufflecam video squat.mp4 --out squat-skeleton.mp4
  shufflecam video match.mp4 --start 1:30 --end 2:00 --json clip.json
  shufflecam video dance.mp4 --smooth offline --out dance-skeleton.mp4
  shufflecam video solo.mp4 --detector none --out drawn.mp4 --json
""",
)
@click.argument("source", metavar="INPUT")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The video with skeletons (.mp4, .mov or .mkv).",
)
@click.option("--start", "start_s", metavar="T", type=TimeType(), help="Begin here: seconds, or [H:]MM:SS.")
@click.option("--end", "end_s", metavar="T", type=TimeType(), help="End here.")
@max_pixels_option
@model_options
@tracking_options(default=True, offline=True)
@offline_option
@output_options
def command(source: str, quiet: bool, debug: bool, **options: Any) -> None:
    """Draw skeletons into a video, and write its keypoints.

    INPUT is a video file, or - for an encoded stream on standard input. Either --out or --json suffices.
    Sound, timing and orientation are kept; every frame is processed.
    """
    finder_options = FinderOptions.take(options)
    look = take_look(options)
    run_video(VideoJob(source=source, look=look, **options), finder_options, Talk(quiet))


def run_video(job: VideoJob, finder_options: FinderOptions, talk: Talk) -> Outcome:
    """Do it, and say what came of it.

    Raises:
        UsageError, SourceError, OutputError, WeightsError: in this order, before anything is written.
        Interrupted, SourceBrokeOff: after everything written was closed.
    """
    from shufflecam.cli.outputs import (
        DrawnVideoSink,
        check_record_usage,
        drawer,
        open_record,
        record_header,
        refuse_same_file,
    )
    from shufflecam.cli.run import raise_if_not_whole, run_pipeline, stop_on_signals
    from shufflecam.export.background import BackgroundSink
    from shufflecam.export.files import check_writable
    from shufflecam.export.video import VideoWriter, check_video_name
    from shufflecam.pipeline import Pipeline
    from shufflecam.sources.capture import open_video
    from shufflecam.stats import Stats

    if job.out is None and job.json_target is None:
        raise UsageError("Nothing is asked to be written; add --out FILE.mp4, or --json FILE.json, or both.")
    if job.out is not None:
        check_video_name(job.out)
        refuse_same_file(job.out, job.source, "--out")
    check_record_usage(job.json_target, job.record_format)
    refuse_same_file(job.json_target, job.source, "--json")
    given = finder_options.given_boxes()
    if job.smooth_offline:
        if job.source == "-":
            raise UsageError("--smooth offline reads the video twice; save the stream as a file first.")
        if not finder_options.track:
            raise UsageError("--smooth offline needs to know who is who; leave --no-track out.")
        finder_options = replace(finder_options, smooth=False)

    with stop_on_signals() as stop, ExitStack() as stack:
        opened = partial(open_video, job.source, job.start_s, job.end_s, max_pixels=job.max_pixels)
        source = opened()
        try:
            if job.out is not None:
                check_writable(job.out, job.overwrite)
            record = open_record(job.json_target, job.record_format, job.overwrite)
            stats = Stats()
            finder = finder_options.load(given, talk, stats, rate=source.info.fps)
            infer: Callable[[Frame], FrameResult] = finder.find
            if job.smooth_offline:
                infer = stack.enter_context(found_beforehand(opened, finder, stats, stop, talk))
            stop.writing = True
            sinks: list[Sink] = []
            # The record comes first: it takes the poses before drawing changes the picture.
            if record is not None:
                record.begin(record_header(source.info, finder))
                sinks.append(record)
            if job.out is not None:
                writer = VideoWriter(
                    job.out, sound=source.open_sound(), overwrite=job.overwrite, **source.encoding_hints()
                )
                draw = drawer(finder.skeleton, job.look)
                sinks.append(BackgroundSink(DrawnVideoSink(writer, draw)))
            with talk.progress(Path(job.source).name, source.info.frames) as meter:

                def on_result(result: FrameResult) -> None:
                    meter.advance(f"{len(result.poses)} people")

                pipeline = Pipeline(source, infer, stats)
                outcome = run_pipeline(pipeline, sinks, stop, on_result=on_result)
        finally:
            source.close()
    _summarise(outcome, job, finder, talk)
    raise_if_not_whole(outcome)
    return outcome


def _summarise(outcome: Outcome, job: VideoJob, finder: PoseFinder, talk: Talk) -> None:
    from shufflecam.cli.outputs import written_to

    rate = outcome.frames / outcome.seconds if outcome.seconds else 0.0
    found = f"people in {outcome.with_people} of them{finder.how_often()}"
    talk.say(f"{outcome.frames} frames at {rate:.1f} fps, {found}{written_to(job.out, job.json_target)}")
