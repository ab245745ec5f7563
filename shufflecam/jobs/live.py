"""Finds people in a camera, stream or replay: shown, recorded, served."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shufflecam.core.errors import SourceBrokeOff, UsageError
from shufflecam.core.reporting import Reporter
from shufflecam.core.words import counted
from shufflecam.finder.settings import FinderSettings
from shufflecam.pipeline.stop import StopRequest, or_never
from shufflecam.records.open import RecordTarget
from shufflecam.records.sink import WriterOptions

if TYPE_CHECKING:
    from shufflecam.core.protocols import Sink
    from shufflecam.core.types import FrameResult
    from shufflecam.drawing.look import Look
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.live.compose import Appearance
    from shufflecam.live.saving import Recorder
    from shufflecam.live.session import LiveSession
    from shufflecam.live.viewers import Viewer
    from shufflecam.live.web.server import LiveServer
    from shufflecam.pipeline.run import Outcome
    from shufflecam.records.sink import RecordSink
    from shufflecam.sources.live.latest import LatestFrames
    from shufflecam.sources.pixels.deinterlace import Mode


TICK_S = 0.03
"""Interval at which the window is polled while no frame arrives."""


GRACE_S = 1.0
"""How much longer than --duration a run without frames may last."""


@dataclass(frozen=True)
class LiveJob:
    """Inputs, views and outputs of a run of `webcam`."""

    source: str
    camera: str | None
    replay: Path | None
    loop: bool
    size: tuple[int, int] | None
    fps: float | None
    reconnect_s: float
    serve: int | None
    host: str | None
    headless: bool
    preview: bool
    preview_as: str
    mirror: bool
    recording: Path | None
    save_to: Path
    duration_s: float | None
    max_frames: int | None
    deinterlace: Mode
    record: RecordTarget
    """With `serve`, its angles are also shown on the page, and need no file."""
    look: Look
    overwrite: bool
    save_to_is_given: bool = True
    """Whether `save_to` was given, or is just where the keys would save."""


OpenViewers = Callable[["Appearance"], tuple[list["Viewer"], Callable[..., None]]]
"""Opens the viewers of a run without a window, and a function for messages, given the people's appearance."""


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
            run = _LiveRun(
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


def open_live_source(job: LiveJob, talk: Reporter) -> LatestFrames:
    """Open the camera, stream or replay. Raises SourceError."""
    from shufflecam.sources import ReplaySource, open_live
    from shufflecam.sources.live.network import is_url

    if job.replay is not None:
        return ReplaySource(job.replay, loop=job.loop, size=job.size, deinterlace=job.deinterlace)
    source = job.source
    if job.camera is not None:
        from shufflecam.sources.live.cameras import find_camera, list_cameras

        source = find_camera(job.camera, list_cameras()).path
    if job.deinterlace == "on" and not is_url(source):
        talk.note("--deinterlace is for streams and replays: pictures of a camera are taken as they come")
    return open_live(
        source,
        job.size,
        job.fps,
        on_notice=talk.note,
        reconnect_s=job.reconnect_s,
        named=job.camera,
        deinterlace=job.deinterlace,
    )


class _LiveRun:
    """A run and its parts."""

    def __init__(
        self,
        job: LiveJob,
        source: LatestFrames,
        record: RecordSink | None,
        server: LiveServer | None,
        *,
        in_window: bool,
        talk: Reporter,
        open_viewers: OpenViewers | None,
    ) -> None:
        from shufflecam.core.stats import Stats

        self._job, self._source, self._record, self._talk = job, source, record, talk
        self._server = server
        self._in_window = in_window
        self._open_viewers = open_viewers
        self.stats = Stats()
        self.recorder: Recorder | None = None
        self._frames = 0
        self._began_s = 0.0

    def go(self, finder: PoseFinder, stop: StopRequest) -> Outcome:
        from shufflecam.pipeline.pipeline import Pipeline
        from shufflecam.pipeline.run import run_pipeline

        sinks, view = self._sinks(finder)
        self._began_s = time.monotonic()
        return run_pipeline(
            Pipeline(self._source, finder.find, self.stats),
            sinks,
            stop,
            on_result=self._on_result,
            on_tick=view.tick,
            wants_end=lambda outcome: view.wants_end or self._is_enough(outcome),
            is_past_end=self._is_past_end,
            # Frames handed out that did not reach the record count as dropped: records + dropped = given.
            dropped=lambda: self._source.given - self._frames,
            missing=lambda: self._source.missing,
            tick_s=TICK_S,
        )

    def latency(self) -> str:
        """Return the median and 95th percentile of the latency, for the summary."""
        times = self.stats.snapshot().stages.get("latency")
        if times is None:
            return "no picture came"
        return f"latency {times.p50_s * 1000:.0f} ms (95 % under {times.p95_s * 1000:.0f} ms)"

    def recordings(self) -> list[Path]:
        """Return the videos that exist now, for the summary."""
        return [] if self.recorder is None else [path for path in self.recorder.files if path.exists()]

    def _sinks(self, finder: PoseFinder) -> tuple[list[Sink], LiveSession]:
        """Return the sinks and, as the last of them, the session: display, saving and keys."""
        from shufflecam.jobs.outputs import record_header
        from shufflecam.live.compose import Appearance
        from shufflecam.live.hud import LiveFigures
        from shufflecam.live.saving import Recorder
        from shufflecam.live.session import LiveOutputs, LiveSession
        from shufflecam.live.state import LiveState
        from shufflecam.live.web.broadcast import Broadcast
        from shufflecam.live.web.viewer import BroadcastSink, BrowserViewer

        job, info = self._job, self._source.info
        sinks: list[Sink] = []
        self.recorder = Recorder(
            job.save_to,
            size=info.size,
            rate=info.fps,
            pixel_aspect=info.pixel_aspect,
            first=job.recording,
            overwrite=job.overwrite,
        )
        mirrored = {"window_mirrored": True} if job.mirror else {}
        header = record_header(info, finder, angles=job.record.angles, **mirrored)
        if self._record is not None:
            self._record.begin(header)
            sinks.append(self._record)
        appearance = Appearance(finder.skeleton, job.look)
        faces, say = self._faces(appearance)
        if self._server is not None:
            broadcast = Broadcast(header)
            self._server.start(broadcast)
            say(f"live page: {self._server.url}", as_is=True)
            sinks.append(BroadcastSink(broadcast, header))
            faces.insert(0, BrowserViewer(broadcast))
        show = LiveSession(
            LiveFigures(self.stats, self._source, str(finder.identity.model.get("engine", ""))),
            appearance,
            faces,
            LiveOutputs(self.recorder, job.save_to, header, say),
            LiveState(
                kpt_thr=job.look.kpt_thr,
                view="black" if job.look.skeleton_only else "skeleton",
                mirror=job.mirror,
                recording=job.recording is not None,
            ),
        )
        return [*sinks, show], show

    def _faces(self, appearance: Appearance) -> tuple[list[Viewer], Callable[..., None]]:
        """Return the viewers, the one that draws into the picture last, and a function for messages."""
        from shufflecam.live.viewers import WindowViewer

        if self._in_window:
            return [WindowViewer()], self._talk.say
        return ([], self._talk.say) if self._open_viewers is None else self._open_viewers(appearance)

    def _on_result(self, result: FrameResult) -> None:
        self._frames += 1

    def _is_enough(self, outcome: Outcome) -> bool:
        job = self._job
        if job.max_frames is not None and outcome.frames >= job.max_frames:
            return True
        # --duration follows the frames' own times; a silent camera must not keep the run open for ever.
        limit_s = None if job.duration_s is None else job.duration_s + GRACE_S
        return limit_s is not None and time.monotonic() - self._began_s >= limit_s

    def _is_past_end(self, result: FrameResult) -> bool:
        return self._job.duration_s is not None and result.frame.timestamp_s >= self._job.duration_s
