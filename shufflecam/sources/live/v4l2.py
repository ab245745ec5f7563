"""Query a camera's pixel formats, sizes and rates from the Linux video driver (V4L2).

Struct layouts and constants are those of linux/videodev2.h, in native byte order. No capture is started, so
that a camera in use by another program can be queried too.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

ENUM_FMT = 0xC0405602
"""VIDIOC_ENUM_FMT: _IOWR('V', 2, struct v4l2_fmtdesc), 64 bytes."""
ENUM_FRAMESIZES = 0xC02C564A
"""VIDIOC_ENUM_FRAMESIZES: _IOWR('V', 74, struct v4l2_frmsizeenum), 44 bytes."""
ENUM_FRAMEINTERVALS = 0xC034564B
"""VIDIOC_ENUM_FRAMEINTERVALS: _IOWR('V', 75, struct v4l2_frmivalenum), 52 bytes."""

_CAPTURE, _CAPTURE_MPLANE = 1, 9
"""V4L2_BUF_TYPE_VIDEO_CAPTURE and its multi-planar variant."""
_EMULATED = 0x2
"""V4L2_FMT_FLAG_EMULATED: not native to the device but converted by a library."""
_DISCRETE = 1
"""V4L2_FRMSIZE_TYPE_DISCRETE and V4L2_FRMIVAL_TYPE_DISCRETE; the others are ranges."""
_MOST = 256
"""Maximum entries per enumeration, a safeguard against drivers that never end it."""

Ioctl = Callable[[int, int, bytearray], object]


@dataclass(frozen=True)
class Mode:
    """A capture mode: one pixel format at one size (or range of sizes)."""

    pixel_format: str
    """Four-character code, as in V4L2: "MJPG", "YUYV"."""
    size: tuple[int, int]
    """(width, height); the largest of a range."""
    smallest: tuple[int, int] | None = None
    """The smallest (width, height) of a range of sizes, otherwise None."""
    rates: tuple[Fraction, ...] = ()
    """Frames per second, fastest first; empty if the driver does not report them."""


def list_modes(path: str, ioctl: Ioctl | None = None) -> list[Mode]:
    """Return all modes that the camera at `path` offers, in driver order; empty if it reports none.

    Raises:
        OSError: the device cannot be opened.
    """
    if ioctl is None:
        import fcntl

        ioctl = fcntl.ioctl
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        return list(_modes(descriptor, ioctl))
    finally:
        os.close(descriptor)


def _modes(descriptor: int, ioctl: Ioctl) -> Iterator[Mode]:
    for kind in (_CAPTURE, _CAPTURE_MPLANE):
        for code in _formats(descriptor, ioctl, kind):
            for size, smallest in _sizes(descriptor, ioctl, code):
                rates = tuple(sorted(set(_rates(descriptor, ioctl, code, size)), reverse=True))
                yield Mode(code.decode("ascii", "replace").strip(), size, smallest, rates)


def _formats(descriptor: int, ioctl: Ioctl, kind: int) -> Iterator[bytes]:
    for answer in _each(descriptor, ioctl, ENUM_FMT, lambda i: struct.pack("=II56x", i, kind)):
        flags, code = parse_format(answer)
        if not flags & _EMULATED:
            yield code


def _sizes(
    descriptor: int, ioctl: Ioctl, code: bytes
) -> Iterator[tuple[tuple[int, int], tuple[int, int] | None]]:
    for answer in _each(descriptor, ioctl, ENUM_FRAMESIZES, lambda i: struct.pack("=I4s36x", i, code)):
        size, smallest = parse_size(answer)
        yield size, smallest
        if smallest is not None:
            return  # a range is the only answer


def _rates(descriptor: int, ioctl: Ioctl, code: bytes, size: tuple[int, int]) -> Iterator[Fraction]:
    def question(index: int) -> bytes:
        return struct.pack("=I4sII36x", index, code, *size)

    for answer in _each(descriptor, ioctl, ENUM_FRAMEINTERVALS, question):
        rates, is_range = parse_rates(answer)
        yield from rates
        if is_range:
            return


def _each(descriptor: int, ioctl: Ioctl, number: int, question: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the driver's answers for index 0, 1, ... until it reports the end of the enumeration."""
    for index in range(_MOST):
        answer = bytearray(question(index))
        try:
            ioctl(descriptor, number, answer)
        except OSError:
            return
        yield bytes(answer)


def parse_format(answer: bytes) -> tuple[int, bytes]:
    """Return (flags, four-character code) of a `struct v4l2_fmtdesc`."""
    flags, code = struct.unpack_from("=I32x4s", answer, 8)
    return flags, code


def parse_size(answer: bytes) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """Return (size, None) for a discrete `struct v4l2_frmsizeenum`, (largest, smallest) for a range."""
    kind, *numbers = struct.unpack_from("=7I", answer, 8)
    if kind == _DISCRETE:
        return (numbers[0], numbers[1]), None
    min_width, max_width, _, min_height, max_height, _ = numbers
    return (max_width, max_height), (min_width, min_height)


def parse_rates(answer: bytes) -> tuple[list[Fraction], bool]:
    """Return (fps, is a range) of a `struct v4l2_frmivalenum`; of a range the fastest and slowest."""
    kind, *numbers = struct.unpack_from("=5I", answer, 16)
    pairs = [numbers[:2]] if kind == _DISCRETE else [numbers[:2], numbers[2:]]
    # The driver reports seconds per frame.
    rates = [Fraction(frames, seconds) for seconds, frames in pairs if seconds and frames]
    return rates, kind != _DISCRETE
