"""Finds people in a camera, stream or replay: shown, recorded, served."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from shufflecam.core.errors import SourceBrokeOff, UsageError
from shufflecam.core.reporting import Reporter
from shufflecam.core.words import counted
from shufflecam.finder.settings import FinderSettings
from shufflecam.jobs.live_job import LiveJob, OpenViewers, open_live_source
from shufflecam.jobs.live_run import LiveRun
from shufflecam.pipeline.stop import StopRequest, or_never
from shufflecam.records.sink import WriterOptions

if TYPE_CHECKING:
    from shufflecam.live.web.server import LiveServer
    from shufflecam.pipeline.run import Outcome


def run_webcam(
    job: LiveJob,
    finder_options: FinderSettings,
    talk: Reporter,
    open_viewers: OpenViewers | None = None,
    stop: StopRequest | None = None,
) -> Outcome:
    """Run, report a summary and return the outcome. Errors as of `jobs.video.process_video`.

    Args:
        job: inputs, views and outputs.
        finder_options: the networks.
        talk: receives notes and the summary.
        open_viewers: opens the viewers of a run without a window; None: it is not shown.
        stop: ends the run with its outputs complete; None: it cannot be stopped.
    """
    # OpenCV before PyAV: each wheel bundles its own X libraries, and if PyAV's are loaded first OpenCV's
    # window never opens (seen with opencv-python 5.0.0.93 and av 18.1.0).
    import cv2  # noqa: F401

    from shufflecam.core.files import check_writable, refuse_same_file
    from shufflecam.jobs.memory import note_if_short
    from shufflecam.jobs.outputs import (
        check_save_to,
        claimed,
        frames_as_ids,
        note_little_room,
        note_stored_pixels,
        written_to,
    )
    from shufflecam.live.display import display_problem
    from shufflecam.live.web.viewer import open_server
    from shufflecam.media.encoding import VIDEO_EXTENSIONS, check_video_name
    from shufflecam.sources.damage.packets import said_of

    if job.recording is not None:
        check_video_name(job.recording)
    if job.save_to.suffix.lower() in VIDEO_EXTENSIONS and not job.save_to.is_dir():
        raise UsageError(f"--save-to {job.save_to} is a folder's name; for one video: --record {job.save_to}")
    (job.record if job.serve is None else replace(job.record, angles=False)).check()
    if job.replay is not None:
        refuse_same_file(job.recording, str(job.replay), "--record")
        refuse_same_file(job.record.path, str(job.replay), "--json")
    finder_options = finder_options.read_boxes()
    windowless = job.headless or job.preview
    # Decided before the first window call: without a display that call terminates the process.
    problem = None if windowless else display_problem()
    if problem is not None:
        talk.note(f"{problem}; going on without a window, Ctrl-C ends")

    server: LiveServer | None = None
    stop = or_never(stop)
    with stop.scope(), ExitStack() as stack:
        source = open_live_source(job, talk)
        try:
            note_if_short(source.info.size, job.recording is not None, talk)
            for note in source.info.notes:
                talk.note(note)
            stack.enter_context(claimed(job.recording, job.record.path))
            note_stored_pixels(job.record.kind.silent_on_aspect, source.info.pixel_aspect, talk)
            if job.recording is not None:
                check_writable(job.recording, job.overwrite)
            has_keys = job.preview or job.serve is not None or not (job.headless or problem)
            check_save_to(job.save_to, talk, is_given=job.save_to_is_given, has_keys=has_keys)
            record = job.record.open(WriterOptions(job.overwrite)) if job.record.wanted else None
            note_little_room([job.recording, job.record.path], talk)
            server = None if job.serve is None else open_server(job.serve, job.host)
            run = LiveRun(
                job,
                source,
                record,
                server,
                in_window=not windowless and problem is None,
                talk=talk,
                open_viewers=open_viewers,
            )
            finder = finder_options.load(talk, run.stats, rate=source.info.fps, live=True)
            assert source.info.size is not None
            finder.warm_up(source.info.size, source.info.pixel_aspect)
            stop.begin_writing()
            with closing(finder):
                outcome = run.go(finder, stop)
        finally:
            source.close()
            if server is not None:
                server.stop()
    mended = getattr(source, "mended", None)  # of a replay
    if mended is not None:
        talk.note(mended)
    rate = outcome.frames / outcome.seconds if outcome.seconds else 0.0
    talk.say(
        f"{counted(outcome.frames, 'frame')} at {rate:.1f} fps, {source.given - outcome.frames} dropped, "
        f"{run.latency()}{finder.how_often()}{written_to(*run.recordings(), job.record.path)}"
        f"{frames_as_ids(job.record)}"
    )
    damage = said_of(source.damage)
    if damage and not outcome.interrupted and outcome.broke_off is None and outcome.missing:
        outcome.broke_off = SourceBrokeOff(f"{source.info.path} is damaged: {damage}; the others are kept.")
    elif damage:
        talk.note(f"of the pictures that {source.info.path} sent, {damage.replace(' of its pictures', '')}")
    return outcome
