"""Formats the figures of a live run as lines of text; ASCII, because OpenCV draws nothing else."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shufflecam.core.stats import Stats
from shufflecam.core.types import FrameResult
from shufflecam.live.state import LiveState

RATE_WINDOW_S = 2.0


class Counter(Protocol):
    """The frame counts of a live source."""

    given: int
    dropped: int


@dataclass(frozen=True)
class Figures:
    """The figures at one moment."""

    latency_ms: float | None = None
    """From capture to the main thread, of the newest result."""
    camera_fps: float = 0.0
    """Rate of frames delivered by the camera."""
    poses_fps: float = 0.0
    """Rate of frames processed by the networks."""
    screen_fps: float = 0.0
    """Rate of displayed pictures."""
    people: int = 0
    dropped: int = 0
    engine: str = ""
    recorded_s: float | None = None
    """Duration of the recording; None: not recording."""
    trouble: str = ""
    """Current problem of the camera; empty if there is none."""


class LiveFigures:
    """Collects the figures from the run's statistics and the source's counts."""

    def __init__(
        self, stats: Stats, source: Counter, engine: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stats = stats
        self.engine = engine
        self._source = source
        self._clock = clock
        self._given: deque[tuple[float, int]] = deque()

    def at(self, result: FrameResult | None, recorded_s: float | None = None) -> Figures:
        """Return the current figures; `result` is the newest one."""
        latency = None if result is None or result.latency_s is None else result.latency_s * 1000
        return Figures(
            latency_ms=latency,
            camera_fps=self._camera_rate(),
            poses_fps=self.stats.rate("inference"),
            screen_fps=self.stats.rate("screen"),
            people=0 if result is None else len(result.poses),
            dropped=self._source.dropped,
            engine=self.engine,
            recorded_s=recorded_s,
            trouble=getattr(self._source, "trouble", None) or "",
        )

    def _camera_rate(self) -> float:
        """Return the camera's frames per second over the last `RATE_WINDOW_S`."""
        now = self._clock()
        self._given.append((now, self._source.given))
        while len(self._given) > 2 and now - self._given[0][0] > RATE_WINDOW_S:
            self._given.popleft()
        (then, before), (_, after) = self._given[0], self._given[-1]
        return (after - before) / (now - then) if now > then else 0.0


def numbers(figures: Figures, *, screen: bool = True) -> str:
    """Return one line: "latency 42 ms  camera 30 fps  poses 24 fps  screen 24 fps  people 2  dropped 7"."""
    latency = "-" if figures.latency_ms is None else f"{figures.latency_ms:.0f} ms"
    shown = f"  screen {figures.screen_fps:.0f} fps" if screen else ""
    return (
        f"latency {latency}  camera {figures.camera_fps:.0f} fps  poses {figures.poses_fps:.0f} fps{shown}"
        f"  people {figures.people}  dropped {figures.dropped}"
    )


def condition(figures: Figures, state: LiveState) -> str:
    """Return one line: the engine, and what differs from the default ("openvino  REC 0:12  person 3")."""
    parts = [figures.engine] if figures.engine else []
    if figures.recorded_s is not None:
        parts.append(f"REC {minutes(figures.recorded_s)}")
    if state.only is not None:
        parts.append(f"person {state.only}" + ("" if state.only in state.in_view else " (not in view)"))
    if state.paused:
        parts.append("frozen (space goes on)")
    if state.mirror:
        parts.append("mirror")
    if state.message:
        parts.append(state.message)
    return "  ".join(parts)


def condition_and_keys(figures: Figures, state: LiveState) -> str:
    """Return `condition` where keys can be pressed: with hints at h and q while it shows only the engine."""
    line = condition(figures, state)
    return (
        line
        if state.help or line != figures.engine
        else "  ".join(filter(None, [line, "h: help", "q: quit"]))
    )


def minutes(seconds: float) -> str:
    """Format seconds as "0:12" or "1:02:03"."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    return f"{rest // 60}:{rest % 60:02d}"
