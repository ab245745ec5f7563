"""A sink that draws each result and writes it to a video."""

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
        """Write what `draw` returns to `writer`; `stats` records the durations of "draw" and "encode"."""
        self._writer = writer
        self._draw = draw
        self._stats = stats

    def write(self, result: FrameResult) -> None:
        """Write one picture at the source's timestamp."""
        with stage(self._stats, "draw"):
            picture = self._draw(result)
        with stage(self._stats, "encode"):
            self._writer.write_image(picture, result.frame.timestamp_s, result.frame.pixel_aspect)

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Finish the file; the video of an interrupted run is complete up to its last frame."""
        self._writer.close(complete=complete, dropped=dropped, missing=missing)
