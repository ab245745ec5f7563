"""Encoder and muxer settings of output videos: the choices behind `VideoWriter`, with their reasons."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from shufflecam.core.picture import holds
from shufflecam.core.types import ImageArray
from shufflecam.media.encoding import PRESETS, Encoding

_LOOK_AHEAD_S = 0.25
_BYTES_AHEAD = 4.0
"""Memory of x264 for each picture of its lookahead, in bytes per pixel: measured at 8K."""
_AHEAD_BYTES = 256e6
"""Limit for the whole lookahead: seven pictures of a 4K video, one of an 8K video."""
_FRAGMENT_S = 0.4
"""Duration of a fragment. With what the encoder's threads hold, it is what a killed run loses: less than a
second."""

LIVE_TIME_BASE = Fraction(1, 90_000)
"""MPEG's time base: fine enough for any clock."""

REORDERED = 8
"""Number of pictures, with a margin, that the interval from decoding to presentation may span: two B-frames,
the frame that they depend on, and the delay that makes room for them."""

LONGEST_SPAN = (1 << 31) - (1 << 20)
"""Most ticks that `REORDERED` pictures may span: the durations in an mp4, and the offsets from decoding to
presentation, are signed 32-bit numbers."""

_LEAST_TICKS, _MOST_TICKS = 10_000, 200_000
"""Range of ticks per second in output files. Fewer are too coarse for a timestamp that was repaired between
two others; with more, a pause of three hours does not fit into `LONGEST_SPAN`."""

HD_HEIGHT = 720
"""Height from which players assume BT.709; below it they assume BT.601."""


def fitting_time_base(source: Fraction | None, rate: Fraction | None) -> Fraction:
    """Return a time base, in seconds, that keeps the timestamps of a source exact where possible.

    It is the source's own, divided by an integer where that is too coarse; where it is too fine, one in
    which frames at `rate` (frames per second) last an integer number of ticks; else `LIVE_TIME_BASE`.
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
    """Return the muxer options with which the file is playable to its last second while it grows."""
    common = {
        "flush_packets": "1",
        # A pause in one stream must not make the muxer hold back the other for long.
        "max_interleave_delta": str(round(_FRAGMENT_S * 1e6)),
    }
    if extension == ".mkv":
        return common | {"cluster_time_limit": str(round(_FRAGMENT_S * 1000))}
    # Fragments while it grows, one ordinary index once it is closed properly (hybrid); the header waits for
    # the first fragment (delay_moov) because only then are the timestamps of B-frames and audio exact.
    return common | {
        "movflags": "hybrid_fragmented+frag_keyframe+delay_moov+default_base_moof",
        "frag_duration": str(round(_FRAGMENT_S * 1e6)),
    }


def _pictures_ahead(rate: float, size: tuple[int, int]) -> int:
    """Return the length of the encoder's lookahead, in pictures."""
    return holds(size, int(rate * _LOOK_AHEAD_S), _BYTES_AHEAD, _AHEAD_BYTES)


def _b_frames(ahead: int) -> int:
    return min(2, ahead // 3)


def held_back(codec: str, rate: float, size: tuple[int, int]) -> int:
    """Return how many pictures the writer holds back, to request at the end that they are not B-frames.

    The mp4 muxer takes the end of its last packet as the end of the stream. If that is a B-frame, either the
    picture displayed after it is cut off, or the B-frame is given the duration of two and the average frame
    rate is wrong. x265 ignores such requests.

    Args:
        codec: one of `CODECS`.
        rate: frames per second.
        size: (width, height).
    """
    return 2 if codec == "h264" and _b_frames(_pictures_ahead(rate, size)) else 0


def encoder_options(encoding: Encoding, rate: float, size: tuple[int, int] = (0, 0)) -> dict[str, str]:
    """Return the encoder options: quality, preset, and a lookahead limited to `_LOOK_AHEAD_S`.

    No picture is held much longer than that, so that a killed run loses little.

    Args:
        encoding: codec, quality and preset.
        rate: frames per second.
        size: (width, height): the lookahead is short, or zero, for huge pictures.
    """
    codec, preset, crf = encoding.codec, encoding.preset, f"{encoding.quality:g}"
    ahead = _pictures_ahead(rate, size)
    # A keyframe at least every four seconds: players seek to them.
    keyint = max(1, min(250, round(rate * 4)))
    b_frames = _b_frames(ahead)
    common = {"crf": crf, "preset": preset}
    if codec == "vp9":
        speed = str(8 - PRESETS.index(preset))
        return {
            "crf": crf, "b": "0", "g": str(keyint), "lag-in-frames": str(min(ahead, 25)),
            "deadline": "good" if int(speed) < 6 else "realtime", "cpu-used": speed, "row-mt": "1",
        }  # fmt: skip
    if codec == "av1":
        # SVT-AV1 numbers its presets, 11 is the fastest. pred-struct 1 is low delay: no reordering.
        params = {"pred-struct": 1, "lookahead": 0, "keyint": keyint}
        return {
            "crf": crf,
            "preset": str(11 - PRESETS.index(preset)),
            "svtav1-params": _joined(params),
        }
    params = {
        "rc-lookahead": min(ahead, 40),
        "bframes": b_frames,
        "keyint": keyint,
    }
    if codec == "hevc":
        # x265 needs a lookahead longer than its B-frames; each of its frame threads holds a picture.
        params |= {"rc-lookahead": max(min(ahead, 40), b_frames + 1), "frame-threads": 1}
        return common | {"x265-params": _joined(params) + ":log-level=error"}
    params["sync-lookahead"] = 0
    if ahead < 3:  # slow sources: frame threads hold a picture each, which would be seconds
        params["sliced-threads"] = 1
    return common | {"x264-params": _joined(params)}


def _joined(params: dict[str, int]) -> str:
    return ":".join(f"{key}={value}" for key, value in params.items())


def padded(image: ImageArray) -> ImageArray:
    """Return `image` with its last row or column repeated where the height or width is odd."""
    odd_rows, odd_columns = image.shape[0] % 2, image.shape[1] % 2
    if not (odd_rows or odd_columns):
        return np.ascontiguousarray(image)
    return np.pad(image, ((0, odd_rows), (0, odd_columns), (0, 0)), mode="edge")
