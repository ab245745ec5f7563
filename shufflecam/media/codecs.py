"""How the video file is encoded and packed: the choices behind `VideoWriter`, with their reasons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from shufflecam.core.picture import holds
from shufflecam.core.types import ImageArray

MUXERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}

VIDEO_EXTENSIONS = tuple(MUXERS)
"""What `VideoWriter` can write."""

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
"""x264's names for less or more work per byte."""

DEFAULT_PRESET = "veryfast"
"""Measured on two cores at crf 20: half the bytes of superfast for a third more work; the slower ones
cost up to twice as much again and save nothing on such material."""


@dataclass(frozen=True)
class Codec:
    """A way to encode pictures."""

    encoder: str
    """Its name in ffmpeg."""
    containers: tuple[str, ...]
    """Endings of files that hold it, and that ordinary players then play."""
    crf: float
    """Constant quality where nothing else is asked for; each encoder counts in its own way."""
    worst_crf: int
    least_side: int = 2
    """Smaller pictures it cannot take."""
    shapeless: tuple[str, ...] = ()
    """Endings of files that cannot say the pixels' shape: the codec does not, and PyAV does not hand it to
    the muxer."""


CODECS = {
    # 0 is lossless, 18 cannot be told from the original, 23 is x264's own default.
    "h264": Codec("libx264", (".mp4", ".mov", ".mkv"), 20, 51),
    # The others' values give about the same quality: within a decibel of h264's on a clip from outdoors.
    # Pictures smaller than x265's blocks of 64x64 end it, or the process (40x24 with 4.2).
    "hevc": Codec("libx265", (".mp4", ".mov", ".mkv"), 23, 51, least_side=64),
    "vp9": Codec("libvpx-vp9", (".mp4", ".mkv"), 33, 63, shapeless=(".mkv",)),
    "av1": Codec("libsvtav1", (".mp4", ".mkv"), 32, 63, shapeless=(".mkv",)),
}
"""Name -> how. h264 plays everywhere; the others are smaller and slower."""

DEFAULT_CODEC = "h264"
DEFAULT_CRF = CODECS[DEFAULT_CODEC].crf

_LOOK_AHEAD_S = 0.25
_BYTES_AHEAD = 4.0
"""What x264 takes for a picture that it looks ahead at, in bytes a pixel: measured at 8K."""
_AHEAD_BYTES = 256e6
"""And for all of them: seven of a 4K video, one of an 8K video."""
_FRAGMENT_S = 0.4
"""Together with the encoder's threads this is what a killed run loses: less than a second."""

LIVE_TIME_BASE = Fraction(1, 90_000)
"""Fine enough for any clock; the time base of MPEG."""

REORDERED = 8
"""Pictures, and some, that the time from decoding to presentation may span: two B-frames, the one that they
wait for, and the delay that makes room for them."""

LONGEST_SPAN = (1 << 31) - (1 << 20)
"""Ticks over so many pictures: the durations in an mp4, and the way from decoding to presentation, are
signed numbers of 32 bits."""

_LEAST_TICKS, _MOST_TICKS = 10_000, 200_000
"""A second, in a file that is written. Fewer are too coarse for times that were mended between two others;
of more, a pause of three hours has no room in `LONGEST_SPAN`."""

HD_HEIGHT = 720
"""From here on players take BT.709 for granted, below it BT.601."""


def fitting_time_base(source: Fraction | None, rate: Fraction | None) -> Fraction:
    """The duration of a tick, in seconds, in which the times of a source stay exact where they can.

    A whole part of the source's own; where that is too fine, one in which frames of `rate` (pictures a
    second) last whole ticks; else `LIVE_TIME_BASE`.
    """
    if source is None or source <= 0:
        return LIVE_TIME_BASE
    if source * _LEAST_TICKS > 1:
        return source / math.ceil(source / LIVE_TIME_BASE)
    if source * _MOST_TICKS >= 1:
        return source
    if rate is not None and rate.numerator <= _MOST_TICKS:
        whole = Fraction(1, rate.numerator)
        return whole / math.ceil(whole / LIVE_TIME_BASE)
    return LIVE_TIME_BASE


def container_options(extension: str) -> dict[str, str]:
    """What the muxer is told so that the file plays to its last second at any moment."""
    common = {
        "flush_packets": "1",
        # One stream that pauses must not make the muxer hold the other one back for long.
        "max_interleave_delta": str(round(_FRAGMENT_S * 1e6)),
    }
    if extension == ".mkv":
        return common | {"cluster_time_limit": str(round(_FRAGMENT_S * 1000))}
    # Fragments while it grows, one ordinary index when it ends well (hybrid); the header waits for the
    # first fragment (delay_moov) because only then are the times of B-frames and sound exact.
    return common | {
        "movflags": "hybrid_fragmented+frag_keyframe+delay_moov+default_base_moof",
        "frag_duration": str(round(_FRAGMENT_S * 1e6)),
    }


def _pictures_ahead(rate: float, size: tuple[int, int]) -> int:
    """How many the encoder may look ahead at."""
    return holds(size, int(rate * _LOOK_AHEAD_S), _BYTES_AHEAD, _AHEAD_BYTES)


def _b_frames(ahead: int) -> int:
    return min(2, ahead // 3)


def held_back(codec: str, rate: float, size: tuple[int, int]) -> int:
    """How many pictures the writer keeps, so that at the end it can ask for them to be no B-frames.

    An mp4's muxer takes the end of its last packet for the end of all. Where that is a B-frame, the picture
    after it would be cut off, or the B-frame be told to last for two, and the average rate be wrong.
    Arguments as for `encoder_options`. x265 heeds no such wish.
    """
    return 2 if codec == "h264" and _b_frames(_pictures_ahead(rate, size)) else 0


def encoder_options(
    codec: str, crf: float, preset: str, rate: float, size: tuple[int, int] = (0, 0)
) -> dict[str, str]:
    """What the encoder is told: quality, work per byte, and to keep no picture much longer than
    `_LOOK_AHEAD_S`, so that a killed run loses little.

    Args:
        codec: one of `CODECS`.
        crf: quality.
        preset: one of `PRESETS`.
        rate: pictures a second.
        size: (width, height): of huge pictures few are kept, or none.
    """
    ahead = _pictures_ahead(rate, size)
    # A key frame at least every four seconds: players jump to them.
    keyint = max(1, min(250, round(rate * 4)))
    b_frames = _b_frames(ahead)
    common = {"crf": f"{crf:g}", "preset": preset}
    if codec == "vp9":
        speed = str(8 - PRESETS.index(preset))
        return {
            "crf": f"{crf:g}", "b": "0", "g": str(keyint), "lag-in-frames": str(min(ahead, 25)),
            "deadline": "good" if int(speed) < 6 else "realtime", "cpu-used": speed, "row-mt": "1",
        }  # fmt: skip
    if codec == "av1":
        # Its presets are numbers, 11 the quickest. pred-struct 1 is low delay: no picture waits for another.
        params = {"pred-struct": 1, "lookahead": 0, "keyint": keyint}
        return {
            "crf": f"{crf:g}",
            "preset": str(11 - PRESETS.index(preset)),
            "svtav1-params": _joined(params),
        }
    params = {
        "rc-lookahead": min(ahead, 40),
        "bframes": b_frames,
        "keyint": keyint,
    }
    if codec == "hevc":
        # It wants to see more ahead than it has B-frames; its own threads hold a picture each.
        params |= {"rc-lookahead": max(min(ahead, 40), b_frames + 1), "frame-threads": 1}
        return common | {"x265-params": _joined(params) + ":log-level=error"}
    params["sync-lookahead"] = 0
    if ahead < 3:  # slow sources: threads that each hold a picture would hold seconds
        params["sliced-threads"] = 1
    return common | {"x264-params": _joined(params)}


def _joined(params: dict[str, int]) -> str:
    return ":".join(f"{key}={value}" for key, value in params.items())


def padded(image: ImageArray) -> ImageArray:
    """`image` with its last row or column repeated where the height or width is odd."""
    odd_rows, odd_columns = image.shape[0] % 2, image.shape[1] % 2
    if not (odd_rows or odd_columns):
        return np.ascontiguousarray(image)
    return np.pad(image, ((0, odd_rows), (0, odd_columns), (0, 0)), mode="edge")
