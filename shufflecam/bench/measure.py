"""Runs the passes of `shufflecam bench` in turns and summarizes their figures."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.bench.passes import Part, Run, fast_pass, live_pass, naive_pass
from shufflecam.pipeline.stop import StopRequest, or_never

if TYPE_CHECKING:
    from shufflecam.core.reporting import Reporter
    from shufflecam.core.skeleton import Skeleton
    from shufflecam.core.stats import Stats
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.finder.settings import FinderSettings

STAGES = ("capture", "detect", "crop", "network", "keypoints", "track", "draw", "encode")
"""In the order of the data flow; `capture` is decoding if the source is a file."""


def measure(
    part: Part,
    options: FinderSettings,
    live_options: FinderSettings,
    baseline: bool,
    runs: int,
    folder: Path,
    talk: Reporter,
    peers: Mapping[str, Callable[[], Callable[[Part], float]]],
    stop: StopRequest | None = None,
) -> dict[str, Any]:
    """Time our pipeline and, with `baseline`, the naive one on the same frames, in turns; then ours live.

    Args:
        part: the part of a clip to measure.
        options: of our finder.
        live_options: the same as `webcam` interprets them.
        baseline: whether to time the naive baseline.
        runs: passes of each.
        folder: where the passes' videos are written.
        talk: reports progress.
        peers: name -> function that opens another tool, whose passes return milliseconds per frame. They draw
            and write nothing, so their ratio is relative to passes of ours that do not either.
        stop: ends the measurement without a result; None: never.

    Returns:
        {"ratio", "ratios", "oks", "oks_all_joints", "frames", "frames_with_people", "runs", "fast": {...},
        "unwritten": {...}, "live": {...}, "naive": {...}, "peers": {...}}; null for what was not requested.

    Raises:
        SourceError: the clip cannot be read, or ends before the part begins.
        Interrupted: `stop` was requested.
    """
    from shufflecam.bench.naive import naive_finder
    from shufflecam.core.stats import Stats
    from shufflecam.core.types import SCORE_FLOOR
    from shufflecam.sources.video.source import open_video

    stats, stop = Stats(), or_never(stop)
    fast_runs: list[Run] = []
    unwritten_runs: list[Run] = []
    naive_runs: list[Run] = []
    peer_ms: dict[str, list[float]] = {}
    memory_mb: float | None = None
    with closing(open_video(part.clip, part.start_s)) as source:
        rate = source.info.fps  # decides how often the detector runs, as in `video`
    naive: PoseFinder | None = None
    others: dict[str, Callable[[Part], float]] = {}
    with talk.progress("passes", runs + 1, each="pass") as meter:
        for number in range(runs):
            # A new finder for each pass, for a fresh tracker. What it loads is cached after the first.
            fast = options.load(talk, stats, rate=rate)
            fast_runs.append(fast_pass(part, fast, stats, folder / f"fast{number}.mp4", stop))
            if number == 0:
                memory_mb = _peak_memory_mb()  # before the other tools' networks are loaded
                naive = naive_finder(options) if baseline else None
                others = {name: open_peer() for name, open_peer in peers.items()}
            if naive is not None:
                naive_runs.append(naive_pass(part, naive, folder / f"naive{number}.mp4", stop))
            if others:
                again = options.load(talk, rate=rate)
                unwritten_runs.append(fast_pass(part, again, Stats(), None, stop))
                for name, one_pass in others.items():
                    peer_ms.setdefault(name, []).append(one_pass(part))
            meter.advance()
        live = live_pass(part, live_options, talk, stop)
        meter.advance()
    ratios = [slow.frame_ms / quick.frame_ms for slow, quick in zip(naive_runs, fast_runs, strict=False)]
    return {
        "ratio": statistics.median(ratios) if ratios else None,
        "ratios": ratios,
        "oks": agreement(naive_runs[0], fast_runs[0], fast.skeleton, SCORE_FLOOR) if naive_runs else None,
        "oks_all_joints": agreement(naive_runs[0], fast_runs[0], fast.skeleton) if naive_runs else None,
        "frames": fast_runs[0].frames,
        "frames_with_people": sum(bool(people) for people in fast_runs[0].people),
        "runs": runs,
        "fast": {
            **_summary(fast_runs),
            "engine": fast.identity.model.get("engine"),
            "frames_per_detection": fast.frames / max(1, fast.detections),
            "stages": _stages(stats),
            "memory_mb": memory_mb,
        },
        "unwritten": _summary(unwritten_runs) if unwritten_runs else None,
        "live": live,
        "naive": _summary(naive_runs) if naive_runs else None,
        "peers": {name: _beside(ms, unwritten_runs, fast_runs) for name, ms in peer_ms.items()},
    }


def agreement(naive: Run, fast: Run, skeleton: Skeleton, least: float = 0.0) -> float | None:
    """Return the mean OKS of each person of the baseline with our most similar one; None without people.

    The baseline is the ground truth: its joints that score above `least` count, as labelled joints do in
    COCO. Where it scores less, its own position is unreliable: agreement would be chance on both sides.
    """
    import numpy as np

    from shufflecam.core.geometry import box_area, oks

    values: list[float] = []
    for theirs, ours in zip(naive.people, fast.people, strict=False):
        # A joint that we miss is maximally wrong; one that the baseline misses does not count.
        others = np.nan_to_num(np.stack([pose.keypoints for pose in ours]), nan=1e6) if ours else None
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


def _summary(runs: list[Run]) -> dict[str, float]:
    frame_ms = statistics.median(run.frame_ms for run in runs)
    return {"frame_ms": frame_ms, "fps": 1000 / frame_ms}


def _beside(theirs_ms: list[float], unwritten: list[Run], written: list[Run]) -> dict[str, float]:
    """Return another tool's figures, and our speed-up over it without and with output."""
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
    """Return the process's peak memory so far in MB; None if the system does not report it."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
