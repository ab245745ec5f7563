"""How the video file is encoded and packed: the choices behind `VideoWriter`, with their reasons."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.video.reformatter import Colorspace

from shufflecam.core.types import ImageArray

MUXERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}

VIDEO_EXTENSIONS = tuple(MUXERS)
"""What `VideoWriter` can write."""

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
"""x264's names for less or more work per byte."""

DEFAULT_PRESET = "veryfast"
"""Measured on two cores at crf 20: half the bytes of superfast for a third more work; the slower ones
cost up to twice as much again and save nothing on such material."""

DEFAULT_CRF = 20
"""x264's constant quality: 0 is lossless, 18 cannot be told from the original, 23 is x264's own default."""

_LOOK_AHEAD_S = 0.25
_FRAGMENT_S = 0.4
"""Together with the encoder's threads this is what a killed run loses: less than a second."""

LIVE_TIME_BASE = Fraction(1, 90_000)
"""Fine enough for any clock; the time base of MPEG."""

HD_HEIGHT = 720
"""From here on players take BT.709 for granted, below it BT.601."""

BT709, UNTAGGED, SMPTE170M = 1, 2, 6
MATRICES = {
    BT709: Colorspace.ITU709,
    UNTAGGED: Colorspace.ITU601,  # read that way, too: see sources.upright
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    SMPTE170M: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}


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


def bounded_delay(rate: float) -> dict[str, str]:
    """x264 options so that no picture stays in the encoder much longer than `_LOOK_AHEAD_S`."""
    ahead = int(rate * _LOOK_AHEAD_S)
    b_frames = min(2, ahead // 3)
    params = {
        "rc-lookahead": min(ahead, 40),
        "sync-lookahead": 0,
        "bframes": b_frames,
        # A key frame at least every four seconds: players jump to them.
        "keyint": max(1, min(250, round(rate * 4))),
    }
    if ahead < 3:  # slow sources: threads that each hold a picture would hold seconds
        params["sliced-threads"] = 1
    return {"x264-params": ":".join(f"{key}={value}" for key, value in params.items())}


def fitted(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """`image`, or where its size is another, scaled to fit `size` and centred on black."""
    width, height = size
    if image.shape[:2] == (height, width):
        return image
    import cv2

    zoom = min(width / image.shape[1], height / image.shape[0])
    inner = (
        max(1, min(width, round(image.shape[1] * zoom))),
        max(1, min(height, round(image.shape[0] * zoom))),
    )
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        image, inner, interpolation=cv2.INTER_AREA
    )
    return canvas


def padded(image: ImageArray) -> ImageArray:
    """`image` with its last row or column repeated where the height or width is odd."""
    odd_rows, odd_columns = image.shape[0] % 2, image.shape[1] % 2
    if not (odd_rows or odd_columns):
        return np.ascontiguousarray(image)
    return np.pad(image, ((0, odd_rows), (0, odd_columns), (0, 0)), mode="edge")
