"""A sink that draws each result and writes it into a video."""

from __future__ import annotations

from collections.abc import Callable

from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.stats import Stats, stage
from shufflecam.core.types import FrameResult, ImageArray
from shufflecam.media.video import VideoWriter


class DrawnVideoSink:
    """Draws each result and adds it to a video; a `core.protocols.Sink`."""

    def __init__(
        self, writer: VideoWriter, draw: Callable[[FrameResult], ImageArray], stats: Stats | None = None
    ) -> None:
        """Join the two; `stats` counts the times of "draw" and "encode"."""
        self._writer = writer
        self._draw = draw
        self._stats = stats

    def write(self, result: FrameResult) -> None:
        """One picture, at the source's own time."""
        with stage(self._stats, "draw"):
            picture = self._draw(result)
        with stage(self._stats, "encode"):
            self._writer.write_image(picture, result.frame.timestamp_s, result.frame.pixel_aspect)

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Finish the file; a video that was cut short is whole up to its last frame."""
        self._writer.close(complete=complete, dropped=dropped, missing=missing)
