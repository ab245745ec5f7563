"""A live run under way: its sinks, its viewers, when it is enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shufflecam.core.reporting import Reporter
from shufflecam.jobs.live_job import GRACE_S, TICK_S, LiveJob, OpenViewers
from shufflecam.pipeline.stop import StopRequest

if TYPE_CHECKING:
    from shufflecam.core.protocols import Sink
    from shufflecam.core.types import FrameResult
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.live.compose import Appearance
    from shufflecam.live.saving import Recorder
    from shufflecam.live.session import LiveSession
    from shufflecam.live.viewers import Viewer
    from shufflecam.live.web.server import LiveServer
    from shufflecam.pipeline.run import Outcome
    from shufflecam.records.sink import RecordSink
    from shufflecam.sources.live.latest import LatestFrames


class LiveRun:
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
