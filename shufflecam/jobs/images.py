"""Finds people in pictures: drawn pictures and a record."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shufflecam.core.errors import UsageError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.words import counted
from shufflecam.pipeline.stop import StopRequest, or_never
from shufflecam.records.formats import LINES
from shufflecam.records.open import NO_RECORD, RecordTarget
from shufflecam.records.sink import WriterOptions
from shufflecam.sources.limits import MAX_PIXELS

if TYPE_CHECKING:
    from shufflecam.core.protocols import Sink
    from shufflecam.core.reporting import Reporter
    from shufflecam.core.types import FrameResult
    from shufflecam.drawing.look import Look
    from shufflecam.finder.settings import FinderSettings
    from shufflecam.pipeline.run import Outcome
    from shufflecam.records.earlier import EarlierLines
    from shufflecam.sources.paths import PicturePath
    from shufflecam.sources.pictures.source import ImageSource


@dataclass(frozen=True)
class ImagesJob:
    """Inputs and outputs of a run of `images`."""

    paths: tuple[str, ...]
    """Files, folders, glob patterns, or "-" for a list on standard input."""
    out: Path | None = None
    record: RecordTarget = NO_RECORD
    look: Look | None = None
    """None: the default look."""
    recursive: bool = False
    skip_existing: bool = False
    overwrite: bool = False
    max_pixels: int = MAX_PIXELS
    note_broken: bool = True
    """Whether each unreadable picture is reported as it occurs; otherwise the end names the first of them."""


@dataclass(frozen=True)
class PicturesDone:
    """The result of a run."""

    outcome: Outcome
    written: tuple[Path | str | None, ...]
    """Where results were written."""


def process_images(
    job: ImagesJob, settings: FinderSettings, talk: Reporter, stop: StopRequest | None = None
) -> PicturesDone | None:
    """Find people in pictures. Returns None if an earlier run completed all of them.

    Args:
        job: inputs and outputs.
        settings: the networks.
        talk: receives notes and progress.
        stop: ends the run early with its outputs complete; None: it cannot be stopped.

    Raises:
        UsageError, SourceError, OutputError, WeightsError: in this order, before anything is written.
        Interrupted: stopped before anything was written.
    """
    from shufflecam.sources.pictures.source import open_images

    job.record.check()
    settings = settings.read_boxes()
    earlier, is_done = _earlier_run(job) if job.skip_existing and not job.overwrite else (None, None)
    stop = or_never(stop)
    with stop.scope(), ExitStack() as stack:
        source = open_images(
            job.paths,
            job.recursive,
            on_broken=(lambda broken: talk.note(broken.reason)) if job.note_broken else None,
            max_pixels=job.max_pixels,
            leave_out=is_done,
        )
        stack.callback(source.close)
        if not source.pictures:
            return None
        _say_left_out(source, talk)
        done = _run(job, settings, source, earlier, stop, stack, talk)
    for remark in source.remarks():
        talk.note(remark)
    return done


def _run(
    job: ImagesJob,
    settings: FinderSettings,
    source: ImageSource,
    earlier: EarlierLines | None,
    stop: StopRequest,
    stack: ExitStack,
    talk: Reporter,
) -> PicturesDone:
    """Run from an open source to closed outputs."""
    from shufflecam.core.files import refuse_same_file
    from shufflecam.core.stats import Stats
    from shufflecam.drawing.drawer import drawer
    from shufflecam.jobs.boxes import note_unmatched
    from shufflecam.jobs.outputs import claimed, record_header, written_files
    from shufflecam.media.pictures import PictureSink, check_pictures, output_name
    from shufflecam.pipeline.pipeline import Pipeline
    from shufflecam.pipeline.run import run_pipeline
    from shufflecam.records.image_ids import number_pictures

    inputs = [(picture.name, Path(picture.path)) for picture in source.pictures]
    for _, path in inputs:
        refuse_same_file(job.record.path, str(path), "--json")
    drawn = [] if job.out is None else [job.out / output_name(name) for name, _ in inputs]
    stack.enter_context(claimed(job.record.path, *drawn))
    if job.out is not None:
        check_pictures(job.out, inputs, job.overwrite or job.skip_existing)
    numbered = "image_ids" in job.record.kind.takes
    image_ids = number_pictures([name for name, _ in inputs]) if numbered else None
    options = WriterOptions(job.overwrite, earlier=earlier, image_ids=image_ids)
    record = job.record.open(options) if job.record.wanted else None
    stats = Stats()
    finder = settings.load(talk, stats)
    stop.begin_writing()
    sinks: list[Sink] = []
    # The record comes first: it takes the poses before drawing modifies the picture.
    if record is not None:
        if image_ids is not None and (said := image_ids.said()):
            talk.note(said)
        record.begin(record_header(source.info, finder, angles=job.record.angles))
        sinks.append(record)
    if job.out is not None:
        sinks.append(PictureSink(job.out, drawer(finder.skeleton, job.look)))

    def unmatched() -> Missing:
        if not source.ended:
            return NOTHING_MISSING
        besides = [broken.file for broken in source.broken]
        besides += [picture.name for picture in source.done_before]
        return note_unmatched(settings.detector, talk, besides)

    with talk.progress("pictures", source.info.frames, each="picture") as meter:

        def on_result(result: FrameResult) -> None:
            meter.advance(counted(len(result.poses), "person"))

        outcome = run_pipeline(
            Pipeline(source, finder.find, stats),
            sinks,
            stop,
            on_result=on_result,
            missing=lambda: source.missing + unmatched(),
        )
    return PicturesDone(outcome, (job.out, *written_files(record, job.record.path)))


def _say_left_out(source: ImageSource, talk: Reporter) -> None:
    """Report the files left out at the start, while there is still time to act on it."""
    from shufflecam.sources.paths import unsupported_in

    sentence = unsupported_in(source.left_out)
    if sentence is not None:
        talk.note(sentence)
    for item in source.left_out:
        if item.reason:
            talk.note(item.reason)


def _earlier_run(job: ImagesJob) -> tuple[EarlierLines | None, Callable[[PicturePath], bool]]:
    """Return the record lines of an earlier run, and a predicate for pictures with all outputs complete.

    A picture is first written under another name, so an existing one is complete.

    Raises:
        UsageError: the record's format cannot be continued.
    """
    from shufflecam.core.text import same_form
    from shufflecam.media.pictures import output_name
    from shufflecam.records.earlier import read_earlier_lines

    earlier, out, target = None, job.out, job.record.path
    if target is not None:
        if "earlier" not in job.record.kind.takes or not target.endswith(LINES):
            raise UsageError("--skip-existing goes on with a record in lines; give --json FILE.jsonl.")
        earlier = read_earlier_lines(Path(target))

    def is_done(picture: PicturePath) -> bool:
        recorded = target is None or (earlier is not None and same_form(picture.name) in earlier.files)
        return recorded and (out is None or (out / output_name(picture.name)).is_file())

    return earlier, is_done
