"""Pixel aspect ratio of a video, as stated by container and codec; it may change midway."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from shufflecam.core.pixels import believable_aspect


class PixelShape:
    """Tracks the pixel aspect of one PyAV video stream; queries refer to the last picture decoded.

    As in FFmpeg, the container's value takes precedence over the codec's. If the two agree at the start,
    their origin is indistinguishable, and the codec's is followed: broadcasts switch between 4:3 and 16:9 on
    the same 720 columns.
    """

    def __init__(self, stream: Any) -> None:
        """Track a stream of which no picture has been decoded yet."""
        self._codec = stream.codec_context
        self._at_first: Fraction | None = stream.sample_aspect_ratio
        self._container = self._at_first if self._at_first != self._codec.sample_aspect_ratio else None
        self._codec_first: Fraction | None = None
        self._asked = False

    def told(self, turned: bool = False) -> Fraction | None:
        """Return width / height of one pixel as stated by the file; None if not stated.

        `turned`: for the picture rotated by 90 degrees.
        """
        codec: Fraction | None = self._codec.sample_aspect_ratio
        if not self._asked:
            # Not earlier: some codecs only know it from their first picture on.
            self._asked, self._codec_first = True, codec
        ratio = codec or self._at_first
        if self._container is not None and codec == self._codec_first:
            ratio = self._container
        return 1 / ratio if ratio and turned else ratio

    def aspect(self, turned: bool = False) -> float:
        """Return `told`, but 1.0 if it is not stated or implausible."""
        return believable_aspect(self.told(turned)) or 1.0

    def doubt(self, name: str) -> tuple[str, ...]:
        """Return a sentence for the user if the stated value is implausible; otherwise nothing."""
        told = self.told()
        if believable_aspect(told) is not None:
            return ()
        return (f"{name} says that its pixels are {told} times as wide as high; they are taken as square.",)
