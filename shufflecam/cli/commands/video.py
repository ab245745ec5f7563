"""`shufflecam video`: a video in, a video with skeletons and a record out."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.console import Talk
from shufflecam.cli.intent import arguments, record_format
from shufflecam.cli.options.finder import FinderOptions
from shufflecam.cli.options.shared import (
    deinterlace_option,
    max_pixels_option,
    model_options,
    output_options,
    take_look,
    tracking_options,
)
from shufflecam.cli.options.smooth import SmoothCommand, found_beforehand, offline_option
from shufflecam.cli.options.types import TimeType
from shufflecam.cli.options.view import (
    AUTO,
    check_crop,
    encoding_options,
    look_through,
    looking_through,
    view_options,
)
from shufflecam.cli.progress import ManyOptions, many_options, run_many
from shufflecam.cli.unnamed import refuse_json_value, skeleton_path, sort_out
from shufflecam.core.addresses import is_address
from shufflecam.core.errors import UsageError
from shufflecam.core.missing import Missing
from shufflecam.core.words import counted
from shufflecam.sources.limits import MAX_PIXELS

if TYPE_CHECKING:
    from shufflecam.core.protocols import Sink
    from shufflecam.core.types import Frame, FrameResult
    from shufflecam.detect.given import GivenBoxes
    from shufflecam.drawing.draw import Look
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.finder.view import ViewFinder
    from shufflecam.pipeline.run import Outcome
    from shufflecam.sources.deinterlace import Mode


@dataclass(frozen=True)
class VideoJob:
    """What one run of `video` reads and writes."""

    source: str
    """A file, or "-" for an encoded stream on standard input."""
    out: Path | None = None
    json_target: str | None = None
    record_format: str = "shufflecam"
    angles: bool = False
    start_s: float | None = None
    end_s: float | None = None
    look: Look | None = None
    """None: the default."""
    overwrite: bool = False
    smooth_offline: bool = False
    step: int = 1
    crop: tuple[int, int, int, int] | None = None
    rotate: str = "0"
    """Degrees clockwise, or "auto"."""
    codec: str = "h264"
    encode_preset: str = "veryfast"
    crf: float | None = None
    """None: the codec's default."""
    no_audio: bool = False
    max_pixels: int = MAX_PIXELS
    deinterlace: Mode = "auto"

    @property
    def cut(self) -> dict[str, Any]:
        """What the record's header says of --start, --end and --step; nothing where all of it is taken."""
        if self.start_s is None and self.end_s is None and self.step == 1:
            return {}
        return {"cut": {"start": self.start_s, "end": self.end_s, "step": self.step}}


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
    debug: bool,
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
    talk = Talk(quiet)
    refuse_json_value(options["json_target"], arguments())
    sources, out, options["json_target"] = sort_out(sources, out, options["json_target"])
    options["record_format"] = record_format(options["json_target"], options["record_format"])
    finder_options, many = FinderOptions.take(options), ManyOptions.take(options)
    job = VideoJob(
        source=sources[0], out=Path(out) if out is not None else None, look=take_look(options), **options
    )
    if is_many(sources, out, job.json_target):
        run_many(sources, job, finder_options, many, talk)
        return
    if many.is_asked_for:
        raise UsageError("--skip-existing, --jobs and --cluster are for many videos; give --out a folder.")
    if job.out is None and job.json_target is None:
        job = replace(job, out=skeleton_path(job.source, talk, codec=job.codec, overwrite=job.overwrite))
    run_video(job, finder_options, talk)


def is_many(sources: Sequence[str], out: str | None, json_target: str | None) -> bool:
    """Whether the outputs are folders: several inputs, or a folder where a file could be.

    An address is no pattern, whatever characters its password has: what is wrong with it is said as of one.
    """
    pattern = glob.has_magic(sources[0]) and not os.path.lexists(sources[0])
    if len(sources) > 1 or (pattern and not is_address(sources[0])):
        return True
    if out is not None:
        return os.path.isdir(out) or out.endswith(("/", os.sep)) or not Path(out).suffix
    return os.path.isdir(sources[0]) and json_target not in (None, "-")


def run_video(job: VideoJob, finder_options: FinderOptions, talk: Talk) -> Outcome:
    """Do it, and say what came of it.

    Raises:
        UsageError, SourceError, OutputError, WeightsError: in this order, before anything is written.
        Interrupted, SourceBrokeOff: after everything written was closed.
    """
    from shufflecam.pipeline.run import raise_if_not_whole

    outcome = process_video(job, finder_options, talk)
    raise_if_not_whole(outcome)
    return outcome


def check_usage(job: VideoJob, finder_options: FinderOptions) -> GivenBoxes | None:
    """Raise UsageError where the job cannot be meant. The detector that reads --boxes, or None."""
    from shufflecam.jobs.outputs import check_record_usage, refuse_same_file
    from shufflecam.media.video import check_crf, check_video_name

    if job.out is None and job.json_target is None:
        raise UsageError("Nothing is asked to be written; add --out FILE.mp4, or --json FILE.json, or both.")
    if job.out is not None:
        check_video_name(job.out, job.codec)
        check_crf(job.crf, job.codec)
        refuse_same_file(job.out, job.source, "--out")
    check_record_usage(job.json_target, job.record_format, job.angles)
    refuse_same_file(job.json_target, job.source, "--json")
    given = finder_options.given_boxes()
    if given is not None and (job.crop is not None or job.rotate != "0"):
        raise UsageError("--boxes are of the whole upright picture; leave --crop and --rotate out.")
    if job.rotate == AUTO and job.source == "-":
        raise UsageError("--rotate auto reads the beginning twice; save the stream as a file first.")
    if job.smooth_offline:
        if job.source == "-":
            raise UsageError("--smooth offline reads the video twice; save the stream as a file first.")
        if not finder_options.track:
            raise UsageError("--smooth offline needs to know who is who; leave --no-track out.")
    return given


def process_video(job: VideoJob, finder_options: FinderOptions, talk: Talk) -> Outcome:
    """As `run_video`, but a run that was stopped or broke off is told by its outcome alone."""
    from shufflecam.core.files import check_writable
    from shufflecam.core.stats import Stats
    from shufflecam.jobs.boxes import note_unmatched
    from shufflecam.jobs.memory import note_if_short
    from shufflecam.jobs.outputs import (
        DrawnVideoSink,
        claimed,
        drawer,
        note_little_room,
        note_stored_pixels,
        open_record,
        record_header,
    )
    from shufflecam.media.video import VideoWriter
    from shufflecam.pipeline.background import BackgroundSink
    from shufflecam.pipeline.pipeline import Pipeline
    from shufflecam.pipeline.run import run_pipeline, stop_on_signals
    from shufflecam.sources.video import open_video

    given = check_usage(job, finder_options)
    if job.smooth_offline:
        finder_options = replace(finder_options, smooth=False)

    with stop_on_signals() as stop, ExitStack() as stack:
        opened = partial(
            open_video,
            job.source,
            job.start_s,
            job.end_s,
            step=job.step,
            max_pixels=job.max_pixels,
            deinterlace=job.deinterlace,
        )
        source = opened()
        try:
            check_crop(job.crop, source)
            note_if_short(source.info.size, job.out is not None, talk)
            for note in source.info.notes:
                talk.note(note)
            note_stored_pixels(job.record_format == "csv", source.info.pixel_aspect, talk)
            hints = source.encoding_hints()
            stack.enter_context(claimed(job.out, job.json_target))
            if job.out is not None:
                check_writable(job.out, job.overwrite)
            record = open_record(job.json_target, job.record_format, job.overwrite)
            note_little_room([job.out, job.json_target], talk)
            stats = Stats()
            whole = finder_options.load(given, talk, stats, rate=hints["rate"])
            finder, seen = looking_through(whole, job.crop, job.rotate, opened, finder_options, stop, talk)
            infer: Callable[[Frame], FrameResult] = finder.find
            if job.smooth_offline:
                infer = stack.enter_context(found_beforehand(opened, finder, stats, stop, talk))
            stop.writing = True
            sinks: list[Sink] = []
            # The record comes first: it takes the poses before drawing changes the picture.
            if record is not None:
                said = {"angles": job.angles, "smoothed": job.smooth_offline, **seen, **job.cut}
                record.begin(record_header(source.info, finder, **said))
                sinks.append(record)
            if job.out is not None:
                sound = None if job.no_audio else source.open_sound()
                hints |= {"codec": job.codec, "crf": job.crf, "preset": job.encode_preset}
                hints["overwrite"] = job.overwrite
                writer = VideoWriter(job.out, sound=sound, **hints)
                draw = drawer(finder.skeleton, look_through(job.look, seen))
                sinks.append(BackgroundSink(DrawnVideoSink(writer, draw)))
            with talk.progress(Path(job.source).name, source.info.frames) as meter:

                def unmatched() -> Missing:
                    return note_unmatched(given, talk, whole=job.end_s is None and not stop)

                def on_result(result: FrameResult) -> None:
                    meter.advance(counted(len(result.poses), "person"))

                pipeline = Pipeline(source, infer, stats)
                outcome = run_pipeline(
                    pipeline,
                    sinks,
                    stop,
                    on_result=on_result,
                    missing=lambda: source.missing + unmatched(),
                )
        finally:
            source.close()
    if source.mended is not None:
        talk.note(source.mended)
    for note in source.late_notes():
        talk.note(note)
    _summarise(outcome, job, finder, talk)
    return outcome


def _summarise(outcome: Outcome, job: VideoJob, finder: PoseFinder | ViewFinder, talk: Talk) -> None:
    from shufflecam.jobs.outputs import frames_as_ids, written_to

    rate = outcome.frames / outcome.seconds if outcome.seconds else 0.0
    found = f"people in {outcome.with_people} of them"
    if outcome.frames == 1:
        found = f"{counted(outcome.people, 'person') if outcome.people else 'nobody'} in it"
    found += finder.how_often()
    written = written_to(job.out, job.json_target) + frames_as_ids(job.record_format)
    talk.say(f"{counted(outcome.frames, 'frame')} at {rate:.1f} fps, {found}{written}")
