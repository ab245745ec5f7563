"""Convert decoded frames to upright BGR arrays: container rotation and colour conversion."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from shufflecam.core.types import ImageArray
from shufflecam.sources.pixels.tone import HLG, PQ

if TYPE_CHECKING:
    from shufflecam.sources.pixels.hdr import ToneMapper

_UNTAGGED = 2
_BT709 = (1, 1, 1)

_HDR = {PQ: "PQ", HLG: "HLG"}


class ToBgr:
    """Converts decoded frames to (H, W, 3) uint8 BGR, upright, optionally scaled. Not thread-safe.

    The colour matrix is taken from the frame's tag; an untagged frame is treated as BT.601, as in ffmpeg and
    OpenCV, so that output with the same (missing) tag has the same colours. High dynamic range (PQ, HLG) is
    tone-mapped to BT.709, see `sources.pixels.hdr`.
    """

    def __init__(
        self,
        first: av.VideoFrame,
        size: tuple[int, int] | None = None,
        told: tuple[int, int, int] = (_UNTAGGED, _UNTAGGED, _UNTAGGED),
    ) -> None:
        """Determine what is constant over all pictures.

        Args:
            first: the first frame, which defines the rotation.
            size: the target (width, height) of the upright picture; None: unscaled.
            told: the container's `color_tags`, used where a frame's own are unspecified.
        """
        self._swap, self._flip_x, self._flip_y = orientation(first)
        self._target = size
        # One reformatter for all frames: setting up the conversion costs more than the conversion itself.
        self._reformatter = VideoReformatter()
        self._told = (
            told
            if any(own == _UNTAGGED != its for own, its in zip(color_tags(first), told, strict=True))
            else None
        )
        self._tone_mapper: ToneMapper | None = None
        transfer = self._tags(first)[2]
        self.hdr: str | None = _HDR.get(transfer)
        """PQ or HLG once a picture has been tone-mapped, which may start midway; otherwise None."""
        self.color = _BT709 if self.hdr else self._tags(first)
        """`color_tags` of the output."""

    @property
    def turned(self) -> bool:
        """Return whether width and height are swapped."""
        return self._swap

    def size_of(self, picture: av.VideoFrame) -> tuple[int, int]:
        """Return the (width, height) of `picture` after conversion."""
        if self._target is not None:
            return self._target
        return (picture.height, picture.width) if self._swap else (picture.width, picture.height)

    def __call__(self, picture: av.VideoFrame) -> ImageArray:
        """Return the picture as (H, W, 3) uint8 BGR, contiguous and owned by the caller."""
        width, height = self.size_of(picture)
        if self._swap:
            width, height = height, width
        if self._told is not None or picture.color_trc in _HDR:
            converted = self._colored(picture, (width, height))
        else:
            converted = self._reformatter.reformat(
                picture, width=width, height=height, format="bgr24", threads=1
            )
        image = self._turn(np.asarray(converted.to_ndarray(), np.uint8))
        return image if image.flags.writeable and image.flags.c_contiguous else np.array(image, order="C")

    def _tags(self, picture: av.VideoFrame) -> tuple[int, int, int]:
        own = color_tags(picture)
        if self._told is None:
            return own
        # HEVC's decoder reports a stream without tags as untagged, regardless of the container's tags.
        matrix, primaries, transfer = (
            its if mine == _UNTAGGED else mine for mine, its in zip(own, self._told, strict=True)
        )
        return matrix, primaries, transfer

    def _colored(self, picture: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
        """Convert to bgr24 of `size`, for pictures with incomplete tags or high dynamic range."""
        tags = self._tags(picture)
        if tags[2] not in _HDR:
            picture.colorspace = tags[0]
            return self._reformatter.reformat(
                picture, width=size[0], height=size[1], format="bgr24", threads=1
            )
        if self._tone_mapper is None:
            from shufflecam.sources.pixels.hdr import ToneMapper

            self._tone_mapper, self.hdr = ToneMapper(), _HDR[tags[2]]
        return self._tone_mapper(picture, size, tags)

    def _turn(self, image: ImageArray) -> ImageArray:
        if not (self._swap or self._flip_x or self._flip_y):
            return image
        import cv2  # its transpose is blocked; numpy's is many times slower

        if self._swap:
            image = cv2.transpose(image)
        if self._flip_x or self._flip_y:
            image = cv2.flip(image, -1 if self._flip_x and self._flip_y else int(self._flip_x))
        return image


def orientation(picture: av.VideoFrame) -> tuple[bool, bool, bool]:
    """Return the steps that make a decoded frame upright: (swap the axes, then mirror x, then mirror y).

    The display matrix maps a stored pixel (x, y) to (a x + c y, b x + d y), in 16.16 fixed point in the order
    a b u c d v x y w (ISO/IEC 14496-12, track header). Angles are rounded to multiples of 90 degrees.
    """
    matrix = _display_matrix(picture)
    if matrix is None:
        return False, False, False
    a, b, c, d = matrix
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0


def _display_matrix(picture: av.VideoFrame) -> tuple[int, int, int, int] | None:
    for item in picture.side_data:
        if item.type.name == "DISPLAYMATRIX":
            values = struct.unpack("=9i", bytes(item)[:36])
            return values[0], values[1], values[3], values[4]
    return None


def color_tags(context: Any) -> tuple[int, int, int]:
    """Return (matrix, primaries, transfer) in ffmpeg's numbering (ISO/IEC 23001-8); 2 means untagged.

    `context` is a decoder's context or a decoded frame.
    """
    return int(context.colorspace), int(context.color_primaries), int(context.color_trc)
