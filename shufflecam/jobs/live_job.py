"""What a live run is asked for, and its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shufflecam.core.reporting import Reporter
from shufflecam.records.open import RecordTarget

if TYPE_CHECKING:
    from shufflecam.drawing.look import Look
    from shufflecam.live.compose import Appearance
    from shufflecam.live.viewers import Viewer
    from shufflecam.sources.live.latest import LatestFrames
    from shufflecam.sources.pixels.deinterlace import Mode


TICK_S = 0.03
"""Interval at which the window is polled while no frame arrives."""


GRACE_S = 1.0
"""How much longer than --duration a run without frames may last."""


OpenViewers = Callable[["Appearance"], tuple[list["Viewer"], Callable[..., None]]]
"""Opens the viewers of a run without a window, and a function for messages, given the people's appearance."""


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
