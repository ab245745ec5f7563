"""How a video is encoded, as a value: which codecs there are, their limits and defaults.

No av or numpy here and nothing that imports them: commands read the defaults before they do anything else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from shufflecam.core.errors import UsageError

MUXERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}

VIDEO_EXTENSIONS = tuple(MUXERS)
"""File extensions that `VideoWriter` supports."""

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
"""x264's preset names, fastest first: the slower ones spend more work per byte."""

DEFAULT_PRESET = "veryfast"
"""Measured on two cores at crf 20: half the size of superfast for a third more work; slower presets cost
up to twice as much again and save nothing on such material."""

ENCODE_PRESETS = {"fast": "superfast"}
"""Preset of a run (`finder.settings.PRESETS`) -> preset of the encoder; the others leave the default."""


@dataclass(frozen=True)
class Codec:
    """A video codec: its encoder and what it supports."""

    encoder: str
    """Name of the encoder in FFmpeg."""
    containers: tuple[str, ...]
    """Extensions of the containers that hold it and that ordinary players then play."""
    crf: float
    """Default constant rate factor; each encoder has its own scale."""
    worst_crf: int
    least_side: int = 2
    """Shortest side in pixels that the encoder accepts."""
    shapeless: tuple[str, ...] = ()
    """Extensions of containers that lose the pixel aspect ratio: the codec does not store it, and PyAV does
    not pass it to the muxer."""


CODECS = {
    # 0 is lossless, 18 is visually indistinguishable from the original, 23 is x264's own default.
    "h264": Codec("libx264", (".mp4", ".mov", ".mkv"), 20, 51),
    # The other values give about the same quality: within a decibel of h264's on an outdoor clip.
    # Pictures smaller than x265's 64x64 blocks make it fail, or crash the process (40x24 with 4.2).
    "hevc": Codec("libx265", (".mp4", ".mov", ".mkv"), 23, 51, least_side=64),
    "vp9": Codec("libvpx-vp9", (".mp4", ".mkv"), 33, 63, shapeless=(".mkv",)),
    "av1": Codec("libsvtav1", (".mp4", ".mkv"), 32, 63, shapeless=(".mkv",)),
}
"""Name -> codec. h264 plays everywhere; the others give smaller files and encode more slowly."""

DEFAULT_CODEC = "h264"


@dataclass(frozen=True)
class Encoding:
    """How a video file is encoded; picklable."""

    codec: str = DEFAULT_CODEC
    """One of `CODECS`."""
    crf: float | None = None
    """Constant rate factor, 0 to 51 (vp9, av1: 63), smaller is better; None: the codec's default."""
    preset: str = DEFAULT_PRESET
    """One of `PRESETS`."""
    audio: bool = True
    """Whether the output has the source's audio; read by the job that opens it."""

    @property
    def quality(self) -> float:
        """The constant rate factor: `crf`, or the codec's default."""
        return CODECS[self.codec].crf if self.crf is None else self.crf

    def check(self, path: str | os.PathLike[str] | None = None) -> None:
        """Raise `UsageError` for an invalid codec, crf or preset, or a `path` that cannot hold the codec."""
        if path is not None:
            check_video_name(path, self.codec)
        check_crf(self.crf, self.codec)
        if self.preset not in PRESETS:
            raise UsageError(f"--encode-preset {self.preset} is unknown; give one of {', '.join(PRESETS)}.")


DEFAULT_ENCODING = Encoding()
"""H.264, which plays everywhere, with the source's audio."""


def check_video_name(path: str | os.PathLike[str], codec: str = DEFAULT_CODEC) -> None:
    """Raise `UsageError` for an unsupported extension or codec, or a container that cannot hold the codec."""
    extension = Path(path).suffix.lower()
    if extension not in MUXERS:
        known = ", ".join(VIDEO_EXTENSIONS)
        raise UsageError(
            f"{os.fspath(path)}: a video cannot be written as {extension or 'that'}; end it in {known}."
        )
    _check_codec(codec)
    if extension not in CODECS[codec].containers:
        fit = " or ".join(CODECS[codec].containers)
        raise UsageError(f"{os.fspath(path)}: {extension} does not hold {codec}; end it in {fit}.")


def check_crf(crf: float | None, codec: str = DEFAULT_CODEC) -> None:
    """Raise `UsageError` for an unknown codec, or a `crf` out of the codec's range."""
    _check_codec(codec)
    worst = CODECS[codec].worst_crf
    if crf is not None and not 0 <= crf <= worst:
        raise UsageError(
            f"--crf {crf:g} is not a quality of {codec}; give 0 (best) to {worst} (smallest), such as "
            f"{CODECS[codec].crf:g}."
        )


def _check_codec(codec: str) -> None:
    if codec not in CODECS:
        raise UsageError(f"There is no codec {codec!r}; choose one of {', '.join(CODECS)}.")
