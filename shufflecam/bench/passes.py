"""One pass of `shufflecam bench` over a clip: as `video` does, as with a camera, or naively."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.media.encoding import DEFAULT_ENCODING, Encoding
from shufflecam.pipeline.stop import StopRequest, or_never

if TYPE_CHECKING:
    import numpy as np

    from shufflecam.core.reporting import Reporter
    from shufflecam.core.skeleton import Skeleton
    from shufflecam.core.stats import Stats
    from shufflecam.core.types import FrameResult, Pose
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.finder.settings import FinderSettings

LIVE_S = 20.0
"""Limit of a live pass: otherwise a clip of one frame per second would take as long as it plays."""

STOPPED = "stopped in the middle of a measurement; nothing was measured"


@dataclass(frozen=True)
class Part:
    """The part of a clip that each pass measures."""

    clip: str
    frames: int
    """At most this many."""
    start_s: float | None = None
    """None: the beginning."""
    encoding: Encoding = DEFAULT_ENCODING
    """Of our passes' videos; the baseline's use the default."""


@dataclass
class Run:
    """One pass over the clip."""

    frames: int = 0
    seconds: float = 0.0
    people: list[list[Pose]] = field(default_factory=list)
    """One list per frame."""

    @property
    def frame_ms(self) -> float:
        """Total milliseconds per frame."""
        return 1000 * self.seconds / max(1, self.frames)


def fast_pass(
    part: Part, finder: PoseFinder, stats: Stats, out: Path | None, stop: StopRequest | None = None
) -> Run:
    """Run the real pipeline, as `video` does; without `out` nothing is drawn or written.

    Raises:
        Interrupted: `stop` was requested.
    """
    from shufflecam.core.errors import Interrupted
    from shufflecam.pipeline.background import BackgroundSink
    from shufflecam.pipeline.pipeline import Pipeline
    from shufflecam.pipeline.run import run_pipeline

    run, stop = Run(), or_never(stop)
    opened = _opened(part, out, finder.skeleton, part.encoding, stats)
    with stop.scope(), opened as (source, sink, warm_up):
        finder.warm_up((warm_up.shape[1], warm_up.shape[0]))
        stop.begin_writing()

        def on_result(result: FrameResult) -> None:
            run.people.append(list(result.poses))

        outcome = run_pipeline(
            Pipeline(source, finder.find, stats),
            [] if sink is None else [BackgroundSink(sink)],
            stop,
            on_result=on_result,
            wants_end=lambda so_far: so_far.frames >= part.frames,
        )
    if outcome.interrupted:
        raise Interrupted(STOPPED)
    run.frames, run.seconds = outcome.frames, outcome.seconds
    return run


def live_pass(
    part: Part, options: FinderSettings, talk: Reporter, stop: StopRequest | None = None
) -> dict[str, Any]:
    """Run the same frames as if from a camera, at the clip's own pace, as `webcam --headless` does.

    At most `LIVE_S` seconds of them.

    Returns:
        {"given", "processed", "dropped", "fps", "latency_ms": {"p50", "p95"}}: latency from capture to the
        result; null without results.

    Raises:
        SourceBrokeOff: the file is damaged.
        Interrupted: `stop` was requested.
    """
    from shufflecam.core.errors import Interrupted
    from shufflecam.core.stats import Stats
    from shufflecam.pipeline.pipeline import Pipeline
    from shufflecam.pipeline.run import run_pipeline
    from shufflecam.sources import ReplaySource

    stats, stop = Stats(), or_never(stop)
    with stop.scope(), closing(ReplaySource(part.clip, start_s=part.start_s)) as source:
        assert source.info.size is not None
        with closing(options.load(talk, stats, rate=source.info.fps, live=True)) as finder:
            finder.warm_up(source.info.size)
            stop.begin_writing()
            outcome = run_pipeline(
                Pipeline(source, finder.find, stats),
                [],
                stop,
                # The index of a camera's frames counts the dropped ones as well.
                is_past_end=lambda late: late.frame.index >= part.frames or late.frame.timestamp_s > LIVE_S,
            )
    if outcome.interrupted:
        raise Interrupted(STOPPED)
    if outcome.broke_off is not None:
        raise outcome.broke_off
    given = min(part.frames, source.given)
    latency = stats.snapshot().stages.get("latency")
    return {
        "given": given,
        "processed": outcome.frames,
        "dropped": given - outcome.frames,
        "fps": outcome.frames / outcome.seconds if outcome.seconds else 0.0,
        "latency_ms": latency and {"p50": 1000 * latency.p50_s, "p95": 1000 * latency.p95_s},
    }


def naive_pass(part: Part, finder: PoseFinder, out: Path, stop: StopRequest | None = None) -> Run:
    """Run every step in sequence, as a first script would.

    Raises:
        Interrupted: `stop` was requested.
    """
    run, stop = Run(), or_never(stop)
    with _opened(part, out, finder.skeleton, DEFAULT_ENCODING) as (source, sink, warm_up):
        finder(warm_up)
        began = time.perf_counter()
        for frame in source.frames():
            stop.check()
            result = finder.find(frame)
            run.people.append(list(result.poses))
            sink.write(result)
            run.frames += 1
            if run.frames >= part.frames:
                break
        sink.close(complete=True)
        run.seconds = time.perf_counter() - began
    return run


@contextmanager
def _opened(
    part: Part, out: Path | None, skeleton: Skeleton, encoding: Encoding, stats: Stats | None = None
) -> Iterator[tuple[Any, Any, np.ndarray]]:
    """Yield the source at the part's start, a sink for the drawn video (or None) and the first picture."""
    from shufflecam.drawing.drawer import drawer
    from shufflecam.media.drawn import DrawnVideoSink
    from shufflecam.media.video import VideoWriter
    from shufflecam.sources.video.source import open_video

    with closing(open_video(part.clip, part.start_s)) as first:
        picture = next(iter(first.frames())).image.copy()
    with closing(open_video(part.clip, part.start_s)) as source:
        if out is None:
            yield source, None, picture
            return
        writer = VideoWriter(out, encoding=encoding, **source.encoding_hints())
        yield source, DrawnVideoSink(writer, drawer(skeleton), stats), picture
