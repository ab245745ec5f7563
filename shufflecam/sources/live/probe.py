"""Measure the size and frame rate that a camera actually delivers."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import ShufflecamError

if TYPE_CHECKING:
    from shufflecam.sources.live.cameras import Camera
    from shufflecam.sources.live.v4l2 import Mode


MEASURE_S = 2.0
"""Duration of the measurement: sixty frames at 30 fps."""


@dataclass(frozen=True)
class Report:
    """The modes and the measured performance of one camera."""

    camera: Camera
    modes: tuple[Mode, ...]
    """The modes offered; empty if the system does not report them."""
    opened: bool | None = None
    """Whether it delivered pictures; None: not tried."""
    size: tuple[int, int] | None = None
    """(width, height) of the pictures delivered."""
    fps: float | None = None
    """Measured frame rate."""
    problem: str = ""
    """Why it delivered no pictures."""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a JSON-compatible dict, for `--json`."""
        return {
            "index": self.camera.index,
            "path": self.camera.path,
            "name": self.camera.name,
            "opened": self.opened,
            "size": self.size,
            "fps": self.fps,
            "problem": self.problem or self.camera.problem,
            "modes": [
                {
                    "pixel_format": mode.pixel_format,
                    "size": mode.size,
                    "smallest": mode.smallest,
                    "rates": [round(float(rate), 3) for rate in mode.rates],
                }
                for mode in self.modes
            ],
        }


def report_on(camera: Camera, measure: bool) -> Report:
    """Return a camera's modes and, with `measure`, the size and rate that it actually delivers."""
    modes: tuple[Mode, ...] = ()
    if sys.platform.startswith("linux"):
        from shufflecam.sources.live.v4l2 import list_modes

        try:
            modes = tuple(list_modes(camera.path))
        except OSError:
            modes = ()  # the reason is reported below
    if not camera.readable:
        return Report(camera, modes, False, problem=camera.problem)
    return measured(Report(camera, modes)) if measure else Report(camera, modes)


def measured(report: Report, seconds: float = MEASURE_S) -> Report:
    """Return the report with the size and rate measured, with the camera opened as `webcam` does."""
    from shufflecam.sources import open_camera

    try:
        source = open_camera(report.camera.path)
    except ShufflecamError as error:
        return replace(report, opened=False, problem=str(error))
    try:
        first = last = None
        began = time.monotonic()
        for frame in source.frames():
            first, last = first or frame, frame
            if frame.timestamp_s - first.timestamp_s >= seconds or time.monotonic() - began >= 3 * seconds:
                break
        fps = None
        if first is not None and last is not None and last.index > first.index:
            # Frame indices also count dropped frames.
            fps = round((last.index - first.index) / (last.timestamp_s - first.timestamp_s), 1)
        return replace(report, opened=True, size=source.info.size, fps=fps)
    except ShufflecamError as error:
        return replace(report, opened=False, problem=str(error))
    finally:
        source.close()
