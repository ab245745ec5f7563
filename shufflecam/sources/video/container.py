"""Open a container with FFmpeg, reject unsupported formats with a reason, and select the video stream."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, BinaryIO

import av

from shufflecam.core.errors import SourceError
from shufflecam.core.reasons import reason
from shufflecam.sources.damage.ending import EXACT_INDEX
from shufflecam.sources.video.tap import Tap

_PLAYLISTS = {"concat", "hls", "dash", "sdp", "rtsp", "tty", "webvtt", "srt", "ass", "subviewer", "lrc"}
"""Demuxers that open further files, or render text as pictures: none of them reads a video file."""


COVERS = int(av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails)
"""Dispositions of streams that are not video: cover art and thumbnails."""


_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")
"""Magic bytes of image files: JPEG, PNG, GIF, TIFF, JPEG 2000."""


_PICTURE_BRANDS = {
    b"ftyp" + brand for brand in (b"heic", b"heix", b"heif", b"mif1", b"msf1", b"avif", b"avis")
}
"""Magic bytes of HEIC and AVIF, at offset 4."""


def told_duration(container: Any, stream: Any) -> Fraction | None:
    """Return the duration in seconds stated by the stream, otherwise by the container; None if neither."""
    if stream.duration:
        return Fraction(stream.duration * stream.time_base)
    return Fraction(container.duration, av.time_base) if container.duration else None


def open_container(file: BinaryIO | Tap, name: str) -> Any:
    """Open a file as a PyAV container; `name` is its name in messages. The caller closes it.

    Raises:
        SourceError: the file is empty, unreadable, not a video, or refers to other files.
    """
    if file.seekable() and file.seek(0, 2) == 0:
        raise SourceError(f"{name} is empty; copy or record it again.")
    if file.seekable():
        file.seek(0)
    try:
        # References inside the file are not followed: neither to other files nor to the network.
        container = av.open(
            file,
            metadata_errors="replace",
            container_options={"protocol_whitelist": "none"},
            buffer_size=1 << 18,
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(_why_not_open(file, name, error)) from error
    if set(container.format.name.split(",")) & _PLAYLISTS:
        container.close()
        raise SourceError(f"{name} is a text or a list, not a video; give the video file itself.")
    return container


def _why_not_open(file: BinaryIO | Tap, name: str, error: Exception) -> str:
    head = b""
    if file.seekable():
        file.seek(0)
        head = file.read(12)
    if head.startswith(_PICTURES) or head[4:12] in _PICTURE_BRANDS:
        return f"{name} is a picture, not a video; use `shufflecam images {name}`."
    if head[4:8] == b"ftyp":
        return (
            f"{name} cannot be read: its index is missing, so the recording or the copy was not finished; "
            "copy it again, or repair it with a tool such as untrunc."
        )
    if isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError):
        return f"{name} cannot be read: {reason(error)}."
    return (
        f"{name} is not a video that can be read ({reason(error)}); "
        "give an .mp4, .mov, .mkv, .avi or .webm file."
    )


def video_stream(container: Any, name: str) -> Any:
    """Return the video stream, excluding cover art, and excluding still previews if there is a moving one.

    Raises:
        SourceError: there is no video stream, or none that can be decoded.
    """
    real = [s for s in container.streams.video if not int(s.disposition) & COVERS]
    if not real:
        inside = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise SourceError(f"{name} has no video in it (only {inside}); give a file with pictures.")
    known = [s for s in real if s.codec_context is not None]
    counted = set(container.format.name.split(",")) & EXACT_INDEX
    if not known:
        raise SourceError(
            f"{name} uses a video codec that cannot be decoded here; convert it to H.264 first."
        )
    moving = [s for s in known if s.frames != 1 and (not counted or len(s.index_entries) != 1)] or known
    best = container.streams.best("video")
    return best if best in moving else max(moving, key=lambda s: s.codec_context.width)
