"""Finds people in a video: a drawn video and a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import UsageError
from shufflecam.core.missing import Missing
from shufflecam.core.reporting import Reporter
from shufflecam.core.words import counted
from shufflecam.drawing.look import look_through
from shufflecam.finder.rotation import settled
from shufflecam.finder.settings import FinderSettings
from shufflecam.finder.view import AUTO
from shufflecam.media.encoding import DEFAULT_ENCODING, Encoding
from shufflecam.pipeline.stop import StopRequest, or_never
from shufflecam.records.open import NO_RECORD, RecordTarget
from shufflecam.records.sink import WriterOptions
from shufflecam.sources.limits import MAX_PIXELS

if TYPE_CHECKING:
    from shufflecam.core.protocols import FrameSource, Sink
    from shufflecam.core.stats import Stats
    from shufflecam.core.types import Frame, FrameResult
    from shufflecam.drawing.look import Look
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.pipeline.run import Outcome
    from shufflecam.sources.pixels.deinterlace import Mode


@dataclass(frozen=True)
class VideoJob:
    """Inputs and outputs of a run of `video`."""

    source: str
    """A file, or "-" for an encoded stream on standard input."""
    out: Path | None = None
    record: RecordTarget = NO_RECORD
    start_s: float | None = None
    end_s: float | None = None
    look: Look | None = None
    """None: the default look."""
    overwrite: bool = False
    smooth_offline: bool = False
    step: int = 1
    encoding: Encoding = DEFAULT_ENCODING
    max_pixels: int = MAX_PIXELS
    deinterlace: Mode = "auto"

    @property
    def cut(self) -> dict[str, Any]:
        """The record header's fields for --start, --end and --step; empty if the full video is used."""
        if self.start_s is None and self.end_s is None and self.step == 1:
            return {}
        return {"cut": {"start": self.start_s, "end": self.end_s, "step": self.step}}


def check_usage(job: VideoJob, settings: FinderSettings) -> FinderSettings:
    """Return the settings with boxes read. Raises UsageError if the job's options are invalid."""
    from shufflecam.core.files import refuse_same_file

    if job.out is None and not job.record.wanted:
        raise UsageError("Nothing is asked to be written; add --out FILE.mp4, or --json FILE.json, or both.")
    if job.out is not None:
        job.encoding.check(job.out)
        refuse_same_file(job.out, job.source, "--out")
    job.record.check()
    refuse_same_file(job.record.path, job.source, "--json")
    with_boxes, settings = settings.boxes is not None, settings.read_boxes()
    if with_boxes and settings.view is not None:
        raise UsageError("--boxes are of the whole upright picture; leave --crop and --rotate out.")
    if settings.view is not None and settings.view.rotate == AUTO and job.source == "-":
        raise UsageError("--rotate auto reads the beginning twice; save the stream as a file first.")
    if job.smooth_offline:
        if job.source == "-":
            raise UsageError("--smooth offline reads the video twice; save the stream as a file first.")
        if not settings.track:
            raise UsageError("--smooth offline needs to know who is who; leave --no-track out.")
        return replace(settings, smooth=False)
    return settings


def process_video(
    job: VideoJob, settings: FinderSettings, talk: Reporter, stop: StopRequest | None = None
) -> Outcome:
    """Process a video, report a summary and return the outcome; only `Outcome.check` reports an early end.

    Args:
        job: inputs and outputs.
        settings: the networks.
        talk: receives notes, progress and the summary.
        stop: ends the run early with its outputs complete; None: it cannot be stopped.

    Raises:
        UsageError, SourceError, OutputError, WeightsError: in this order, before anything is written.
        Interrupted: stopped before anything was written.
    """
    from shufflecam.core.files import check_writable
    from shufflecam.core.stats import Stats
    from shufflecam.drawing.drawer import drawer
    from shufflecam.jobs.boxes import note_unmatched
    from shufflecam.jobs.memory import note_if_short
    from shufflecam.jobs.outputs import claimed, note_little_room, note_stored_pixels, record_header
    from shufflecam.media.drawn import DrawnVideoSink
    from shufflecam.media.video import VideoWriter
    from shufflecam.pipeline.background import BackgroundSink
    from shufflecam.pipeline.pipeline import Pipeline
    from shufflecam.pipeline.run import run_pipeline
    from shufflecam.sources.video.source import open_video

    settings = check_usage(job, settings)
    stop = or_never(stop)
    with stop.scope(), ExitStack() as stack:
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
            if settings.view is not None and source.info.size is not None:
                settings.view.check(source.info.size)
            note_if_short(source.info.size, job.out is not None, talk)
            for note in source.info.notes:
                talk.note(note)
            note_stored_pixels(job.record.kind.silent_on_aspect, source.info.pixel_aspect, talk)
            hints = source.encoding_hints()
            stack.enter_context(claimed(job.out, job.record.path))
            if job.out is not None:
                check_writable(job.out, job.overwrite)
            record = job.record.open(WriterOptions(job.overwrite)) if job.record.wanted else None
            note_little_room([job.out, job.record.path], talk)
            stats = Stats()
            settings = settled(settings, opened, stop, talk)
            finder = settings.load(talk, stats, rate=hints["rate"])
            infer: Callable[[Frame], FrameResult] = finder.find
            if job.smooth_offline:
                infer = stack.enter_context(found_beforehand(opened, finder, stats, stop, talk))
            stop.begin_writing()
            sinks: list[Sink] = []
            # The record comes first: it takes the poses before drawing modifies the picture.
            if record is not None:
                said = {"angles": job.record.angles, "smoothed": job.smooth_offline, **job.cut}
                record.begin(record_header(source.info, finder, **said))
                sinks.append(record)
            if job.out is not None:
                sound = source.open_sound() if job.encoding.audio else None
                hints |= {"encoding": job.encoding, "overwrite": job.overwrite}
                writer = VideoWriter(job.out, sound=sound, **hints)
                seen = {} if finder.view is None else finder.view.header_fields()
                draw = drawer(finder.skeleton, look_through(job.look, seen))
                sinks.append(BackgroundSink(DrawnVideoSink(writer, draw)))
            with talk.progress(Path(job.source).name, source.info.frames) as meter:

                def unmatched() -> Missing:
                    return note_unmatched(settings.detector, talk, whole=job.end_s is None and not stop)

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


def _summarise(outcome: Outcome, job: VideoJob, finder: PoseFinder, talk: Reporter) -> None:
    from shufflecam.jobs.outputs import frames_as_ids, written_to

    rate = outcome.frames / outcome.seconds if outcome.seconds else 0.0
    found = f"people in {outcome.with_people} of them"
    if outcome.frames == 1:
        found = f"{counted(outcome.people, 'person') if outcome.people else 'nobody'} in it"
    found += finder.how_often()
    written = written_to(job.out, job.record.path) + frames_as_ids(job.record)
    talk.say(f"{counted(outcome.frames, 'frame')} at {rate:.1f} fps, {found}{written}")


@contextmanager
def found_beforehand(
    open_source: Callable[[], FrameSource],
    finder: PoseFinder,
    stats: Stats,
    stop: StopRequest,
    talk: Reporter,
) -> Iterator[Callable[[Frame], FrameResult]]:
    """Find people in a first pass; yield a function that returns each frame's smoothed result in a second.

    Args:
        open_source: opens the video that the second pass reads too.
        finder: without a smoother of its own.
        stats: of the run.
        stop: ends the first pass; nothing is written yet.
        talk: shows the progress.
    """
    from shufflecam.pipeline.pipeline import Pipeline
    from shufflecam.pipeline.run import run_pipeline
    from shufflecam.tracking.two_pass import OfflineSmoother

    smoother = OfflineSmoother(finder.skeleton)
    try:
        source = open_source()
        with talk.progress("first of two readings", source.info.frames) as meter:
            # A video that breaks off does so again in the second pass, which then reports it.
            run_pipeline(
                Pipeline(source, finder.find, stats),
                [smoother],
                stop,
                on_result=lambda result: meter.advance(counted(len(result.poses), "person")),
            )
        smoother.turn_round()
        yield smoother.find
    finally:
        smoother.delete()
