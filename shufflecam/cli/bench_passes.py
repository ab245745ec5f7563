"""The passes that `shufflecam bench` times: ours, the naive way, and the pose network alone by engine."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import ShufflecamError

if TYPE_CHECKING:
    import numpy as np

    from shufflecam.cli.console import Talk
    from shufflecam.cli.options import FinderOptions
    from shufflecam.core.protocols import Engine, PersonDetector
    from shufflecam.core.skeleton import Skeleton
    from shufflecam.core.types import FrameResult, Pose
    from shufflecam.finder import PoseFinder
    from shufflecam.stats import Stats

BATCHES = (1, 4, 16)

NETWORK_RUNS = 7
"""Of each engine and batch size, taken in turns so that a disturbance meets all of them."""

STAGES = ("capture", "detect", "crop", "network", "keypoints", "track", "draw", "encode")
"""In the order of the data's way; `capture` is decoding, where the source is a file."""

SURE = 0.2
"""Keypoints above this are compared: those that count in a person's score, as in the reference."""

STOPPED = "stopped in the middle of a measurement; nothing was measured"

NAIVE_DET_SIZE = 640
"""What ultralytics' detectors take where nobody says otherwise."""


@dataclass(frozen=True)
class Part:
    """What of a clip is measured in each pass."""

    clip: str
    frames: int
    """At most."""
    start_s: float | None = None
    """None: from its beginning."""
    encode_preset: str = "veryfast"
    """Of our passes' videos; the naive way's have the default."""


@dataclass
class Run:
    """One pass over the clip."""

    frames: int = 0
    seconds: float = 0.0
    people: list[list[Pose]] = field(default_factory=list)
    """A list a frame."""

    @property
    def frame_ms(self) -> float:
        """Milliseconds a frame, output written."""
        return 1000 * self.seconds / max(1, self.frames)


def measure(
    part: Part,
    options: FinderOptions,
    baseline: bool,
    runs: int,
    folder: Path,
    talk: Talk,
    peers: Mapping[str, Callable[[Part], float]] | None = None,
) -> dict[str, Any]:
    """Ours and, with `baseline`, the naive way over the same frames, in turns; then ours as if live.

    Args:
        part: what is measured.
        options: of our finder.
        baseline: whether to time the naive way.
        runs: passes of each.
        folder: where the passes' videos go.
        talk: shows progress.
        peers: name -> another tool's pass, which gives its milliseconds a frame. They draw and write nothing,
            and so their ratio is to passes of ours that do not either.

    Returns:
        {"ratio", "oks", "oks_all_joints", "fast": {...}, "unwritten": {...}, "live": {...},
        "naive": {...}, "peers": {...}}; null where there is no baseline, or no peers.
    """
    from shufflecam.sources.capture import open_video
    from shufflecam.stats import Stats

    stats = Stats()
    fast_runs: list[Run] = []
    unwritten_runs: list[Run] = []
    naive_runs: list[Run] = []
    peer_ms: dict[str, list[float]] = {}
    naive = _naive_finder(options) if baseline else None
    with closing(open_video(part.clip)) as source:
        rate = source.info.fps  # decides how often the detector runs, as in `video`
    with talk.progress("passes", runs) as meter:
        for number in range(runs):
            # A new one for each pass: its tracker begins anew. What it loads is warm after the first.
            fast = options.load(None, talk, stats, rate=rate)
            fast_runs.append(_fast_pass(part, fast, stats, folder / f"fast{number}.mp4"))
            if naive is not None:
                naive_runs.append(_naive_pass(part, naive, folder / f"naive{number}.mp4"))
            if peers:
                unwritten_runs.append(_fast_pass(part, options.load(None, talk, rate=rate), Stats(), None))
                for name, one_pass in peers.items():
                    peer_ms.setdefault(name, []).append(one_pass(part))
            meter.advance()
    live = _live_pass(part, options, talk)
    ratios = [slow.frame_ms / quick.frame_ms for slow, quick in zip(naive_runs, fast_runs, strict=False)]
    return {
        "ratio": statistics.median(ratios) if ratios else None,
        "ratios": ratios,
        "oks": _agreement(naive_runs[0], fast_runs[0], fast.skeleton, SURE) if naive_runs else None,
        "oks_all_joints": _agreement(naive_runs[0], fast_runs[0], fast.skeleton) if naive_runs else None,
        "frames": fast_runs[0].frames,
        "frames_with_people": sum(bool(people) for people in fast_runs[0].people),
        "runs": runs,
        "fast": {
            **_summary(fast_runs),
            "engine": fast.identity.model.get("engine"),
            "frames_per_detection": fast.frames / max(1, fast.detections),
            "stages": _stages(stats),
            "memory_mb": _peak_memory_mb(),
        },
        "unwritten": _summary(unwritten_runs) if unwritten_runs else None,
        "live": live,
        "naive": _summary(naive_runs) if naive_runs else None,
        "peers": {name: _beside(ms, unwritten_runs, fast_runs) for name, ms in peer_ms.items()},
    }


def _fast_pass(part: Part, finder: PoseFinder, stats: Stats, out: Path | None) -> Run:
    """The real pipeline, as `video` runs it; without `out` nothing is drawn and written."""
    from shufflecam.cli.run import run_pipeline, stop_on_signals
    from shufflecam.core.errors import Interrupted
    from shufflecam.export.background import BackgroundSink
    from shufflecam.pipeline import Pipeline

    run = Run()
    opened = _opened(part, out, finder.skeleton, part.encode_preset, stats)
    with stop_on_signals() as stop, opened as (source, sink, warm_up):
        finder.warm_up((warm_up.shape[1], warm_up.shape[0]))
        stop.writing = True

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


def _live_pass(part: Part, options: FinderOptions, talk: Talk) -> dict[str, Any]:
    """The same frames as a camera would give them, at the clip's own pace, as `webcam --headless` runs.

    Returns:
        {"given", "processed", "dropped", "fps", "latency_ms": {"p50", "p95"}}: latency from capture to the
        result; null where no picture came.
    """
    from shufflecam.cli.run import run_pipeline, stop_on_signals
    from shufflecam.core.errors import Interrupted
    from shufflecam.pipeline import Pipeline
    from shufflecam.sources import ReplaySource
    from shufflecam.stats import Stats

    stats = Stats()
    with stop_on_signals() as stop, closing(ReplaySource(part.clip, start_s=part.start_s)) as source:
        assert source.info.size is not None
        with closing(options.load(None, talk, stats, rate=source.info.fps, live=True)) as finder:
            finder.warm_up(source.info.size)
            stop.writing = True
            outcome = run_pipeline(
                Pipeline(source, finder.find, stats),
                [],
                stop,
                wants_end=lambda so_far: source.given >= part.frames,
            )
    if outcome.interrupted:
        raise Interrupted(STOPPED)
    latency = stats.snapshot().stages.get("latency")
    return {
        "given": source.given,
        "processed": outcome.frames,
        "dropped": source.given - outcome.frames,
        "fps": outcome.frames / outcome.seconds if outcome.seconds else 0.0,
        "latency_ms": latency and {"p50": 1000 * latency.p50_s, "p95": 1000 * latency.p95_s},
    }


def _naive_pass(part: Part, finder: PoseFinder, out: Path) -> Run:
    """One thing after the other, as a first script would do it."""
    from shufflecam.export.video import DEFAULT_PRESET

    run = Run()
    with _opened(part, out, finder.skeleton, DEFAULT_PRESET) as (source, sink, warm_up):
        finder(warm_up)
        began = time.perf_counter()
        for frame in source.frames():
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
    part: Part, out: Path | None, skeleton: Skeleton, preset: str, stats: Stats | None = None
) -> Iterator[tuple[Any, Any, np.ndarray]]:
    """The part from its start, a sink for the drawn video (None without `out`), the part's first picture."""
    from shufflecam.cli.outputs import DrawnVideoSink, drawer
    from shufflecam.export.video import VideoWriter
    from shufflecam.sources.capture import open_video

    with closing(open_video(part.clip, part.start_s)) as first:
        picture = next(iter(first.frames())).image.copy()
    with closing(open_video(part.clip, part.start_s)) as source:
        if out is None:
            yield source, None, picture
            return
        writer = VideoWriter(out, preset=preset, **source.encoding_hints())
        yield source, DrawnVideoSink(writer, drawer(skeleton), stats), picture


def _naive_finder(options: FinderOptions) -> PoseFinder:
    """The same weights without any of our pains."""
    from shufflecam.finder import Identity, PoseFinder
    from shufflecam.models.catalogue import pose_entry, require
    from shufflecam.models.load import load_pose
    from shufflecam.pose.estimator import HeatmapEstimator

    entry = pose_entry(options.model)
    net = load_pose(options.weights or require(entry), entry)
    estimator = HeatmapEstimator(
        _plain(net),
        entry.skeleton,
        entry.input_size,
        options.flip_test,
        options.decode,
        entry.sigma,
        max_batch=1,
    )
    return PoseFinder(_naive_detector(options), estimator, Identity({}, {}))


def _plain(net: Any) -> Engine:
    from shufflecam.engines.torch import TorchEngine

    return TorchEngine(net, "cpu", channels_last=False, fold=False)


def _naive_detector(options: FinderOptions) -> PersonDetector:
    from shufflecam.detect.choose import weights_file
    from shufflecam.detect.whole import WholeFrame
    from shufflecam.detect.yolo import YoloDetector, load_network

    if options.detector == "none":
        return WholeFrame()
    path = weights_file(options.detector)
    network = load_network(path)
    return YoloDetector(
        _plain(network.module),
        person=network.person,
        det_size=NAIVE_DET_SIZE,
        det_conf=options.det_conf,
        max_people=options.max_people,
    )


def _agreement(naive: Run, fast: Run, skeleton: Skeleton, least: float = 0.0) -> float | None:
    """Mean OKS of each person of the naive way to the likest one of ours; None without people.

    The naive way is the truth, so that its joints count that score above `least`, as COCO counts those that
    are labelled. Where it scores less, it does not know the place itself: that is chance on both sides.
    """
    import numpy as np

    from shufflecam.core.geometry import box_area, oks

    values: list[float] = []
    for theirs, ours in zip(naive.people, fast.people, strict=False):
        others = np.stack([pose.keypoints for pose in ours]) if ours else None
        for pose in theirs:
            # COCO's people cover about half of their box.
            area = float(box_area(pose.box_xyxy[None])[0]) * 0.53
            counts = np.nan_to_num(pose.scores) > least
            if not counts.any():
                continue
            found = (
                0.0
                if others is None
                else float(oks(pose.keypoints, others, area, skeleton.sigmas, counts).max())
            )
            values.append(found)
    return float(np.mean(values)) if values else None


def measure_networks(options: FinderOptions) -> list[dict[str, Any]]:
    """The pose network alone: torch as it comes and every engine at hand, at several batch sizes."""
    import functools

    import numpy as np

    from shufflecam.engines.choose import BACKENDS, installed, open_engine
    from shufflecam.models.catalogue import cache_dir, pose_entry, require
    from shufflecam.models.fetch import file_sha256
    from shufflecam.models.load import load_pose
    from shufflecam.models.ready import cache_key
    from shufflecam.pose.narrow import narrow

    entry = pose_entry(options.model)
    path = options.weights or require(entry)
    make = functools.cache(lambda: narrow(load_pose(path, entry)))
    engines: dict[str, Engine] = {"naive": _plain(load_pose(path, entry))}
    for name in filter(installed, BACKENDS):
        try:
            engines[name], _ = open_engine(
                make,
                backend=name,
                device="cpu",
                cache_key=cache_key(entry, file_sha256(path)),
                input_size=entry.input_size,
                cache_dir=cache_dir() / "engines",
            )
        except ShufflecamError:
            continue  # one that does not work here has no speed
    width, height = entry.input_size
    results = []
    for batch in BATCHES:
        inputs = np.random.default_rng(0).normal(0, 1, (batch, 3, height, width)).astype(np.float32)
        times: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(NETWORK_RUNS + 1):
            for name, engine in engines.items():
                began = time.perf_counter()
                engine.run(inputs)
                times[name].append(time.perf_counter() - began)
        for name, seconds in times.items():
            # The first run of a shape prepares it.
            pairs = zip(times["naive"][1:], seconds[1:], strict=True)
            ratio = statistics.median(slow / quick for slow, quick in pairs)
            results.append(
                {"engine": name, "batch": batch, "ms": 1000 * statistics.median(seconds[1:]), "ratio": ratio}
            )
    return results


def _summary(runs: list[Run]) -> dict[str, float]:
    frame_ms = statistics.median(run.frame_ms for run in runs)
    return {"frame_ms": frame_ms, "fps": 1000 / frame_ms}


def _beside(theirs_ms: list[float], unwritten: list[Run], written: list[Run]) -> dict[str, float]:
    """A peer's figures, and how many times as fast we are without output and with it."""
    frame_ms = statistics.median(theirs_ms)
    return {
        "frame_ms": frame_ms,
        "fps": 1000 / frame_ms,
        "ratio": statistics.median(ms / run.frame_ms for ms, run in zip(theirs_ms, unwritten, strict=True)),
        "ratio_ours_written": statistics.median(
            ms / run.frame_ms for ms, run in zip(theirs_ms, written, strict=True)
        ),
    }


def _stages(stats: Stats) -> dict[str, dict[str, float]]:
    seen = stats.snapshot().stages
    return {
        name: {
            "p50_ms": 1000 * seen[name].p50_s,
            "p95_ms": 1000 * seen[name].p95_s,
            "count": seen[name].count,
        }
        for name in STAGES
        if name in seen
    }


def _peak_memory_mb() -> float | None:
    """The process's largest memory so far; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
