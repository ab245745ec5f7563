"""Decoded pictures to upright BGR arrays: the container's rotation and the colours, in one place."""

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
    """Turns decoded frames into (H, W, 3) uint8 BGR, upright, optionally scaled. Not for two threads at once.

    The colour matrix is the one the frame is tagged with; an untagged frame is read with BT.601, as
    ffmpeg and OpenCV do, so that what is written back with the same (missing) tag shows the same colours.
    High dynamic range (PQ, HLG) is tone-mapped to BT.709, see `sources.pixels.hdr`.
    """

    def __init__(
        self,
        first: av.VideoFrame,
        size: tuple[int, int] | None = None,
        told: tuple[int, int, int] = (_UNTAGGED, _UNTAGGED, _UNTAGGED),
    ) -> None:
        """What does not change from picture to picture.

        Args:
            first: tells the rotation.
            size: the wanted (width, height) of the upright picture.
            told: the container's `color_tags`, for what the pictures' own headers leave open.
        """
        self._swap, self._flip_x, self._flip_y = orientation(first)
        self._target = size
        # One reformatter for all frames: building the conversion anew costs more than the conversion.
        self._reformatter = VideoReformatter()
        self._told = (
            told
            if any(own == _UNTAGGED != its for own, its in zip(color_tags(first), told, strict=True))
            else None
        )
        self._tone_mapper: ToneMapper | None = None
        transfer = self._tags(first)[2]
        self.hdr: str | None = _HDR.get(transfer)
        """PQ or HLG where pictures are tone-mapped: set by the first one, whenever it comes; else None."""
        self.color = _BT709 if self.hdr else self._tags(first)
        """`color_tags` of what comes out."""

    @property
    def turned(self) -> bool:
        """Whether width and height change places."""
        return self._swap

    def size_of(self, picture: av.VideoFrame) -> tuple[int, int]:
        """(width, height) that `picture` will have."""
        if self._target is not None:
            return self._target
        return (picture.height, picture.width) if self._swap else (picture.width, picture.height)

    def __call__(self, picture: av.VideoFrame) -> ImageArray:
        """(H, W, 3) uint8 BGR, contiguous, owned by the caller."""
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
        # HEVC's decoder calls a stream without tags untagged, whatever its container says.
        matrix, primaries, transfer = (
            its if mine == _UNTAGGED else mine for mine, its in zip(own, self._told, strict=True)
        )
        return matrix, primaries, transfer

    def _colored(self, picture: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
        """As bgr24 of `size`, where the picture's own tags do not suffice."""
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
        import cv2  # its transposes work in blocks; numpy's are many times slower

        if self._swap:
            image = cv2.transpose(image)
        if self._flip_x or self._flip_y:
            image = cv2.flip(image, -1 if self._flip_x and self._flip_y else int(self._flip_x))
        return image


def orientation(picture: av.VideoFrame) -> tuple[bool, bool, bool]:
    """What makes a decoded frame upright: (swap the axes first, then mirror x, then mirror y).

    The display matrix takes a stored pixel (x, y) to (a x + c y, b x + d y), 16.16 fixed point in the
    order a b u c d v x y w (ISO/IEC 14496-12, track header). Angles between the quarter turns are
    rounded to the nearest one.
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
    """(matrix, primaries, transfer) as ffmpeg numbers them (ISO/IEC 23001-8); 2 means untagged.

    `context` is a decoder's context or a decoded frame.
    """
    return int(context.colorspace), int(context.color_primaries), int(context.color_trc)
