"""What a video says of its pixels' shape: container and codec each have a word, and it may change midway."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from shufflecam.core.pixels import believable_aspect


class PixelShape:
    """Follows one video stream of PyAV. Ask after a picture was decoded: then it is that picture's.

    As in FFmpeg the container's word counts before the codec's. Where the two agree at the start there is
    no telling whose it is, and the codec's is followed: broadcasts change between 4:3 and 16:9 on the same
    720 columns.
    """

    def __init__(self, stream: Any) -> None:
        """Take a stream none of whose pictures was decoded yet."""
        self._codec = stream.codec_context
        self._at_first: Fraction | None = stream.sample_aspect_ratio
        self._container = self._at_first if self._at_first != self._codec.sample_aspect_ratio else None
        self._codec_first: Fraction | None = None
        self._asked = False

    def told(self, turned: bool = False) -> Fraction | None:
        """Width / height of one pixel as the file has it; None: it says nothing.

        `turned`: of the picture turned by a quarter.
        """
        codec: Fraction | None = self._codec.sample_aspect_ratio
        if not self._asked:
            # Only now: some codecs know it from their first picture on.
            self._asked, self._codec_first = True, codec
        ratio = codec or self._at_first
        if self._container is not None and codec == self._codec_first:
            ratio = self._container
        return 1 / ratio if ratio and turned else ratio

    def aspect(self, turned: bool = False) -> float:
        """As `told`, but 1.0 where nothing is told, or what cannot be."""
        return believable_aspect(self.told(turned)) or 1.0

    def doubt(self, name: str) -> tuple[str, ...]:
        """A sentence for the user where what is told cannot be; else nothing."""
        told = self.told()
        if believable_aspect(told) is not None:
            return ()
        return (f"{name} says that its pixels are {told} times as wide as high; they are taken as square.",)
