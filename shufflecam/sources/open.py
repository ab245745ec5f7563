"""Open the source that a user's input refers to."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable

from shufflecam.core.addresses import is_address
from shufflecam.core.protocols import FrameSource
from shufflecam.sources.addresses import is_url, not_an_address
from shufflecam.sources.kinds import PICTURE_EXTENSIONS
from shufflecam.sources.live.camera import open_camera
from shufflecam.sources.live.latest import LatestFrames
from shufflecam.sources.live.network import open_stream
from shufflecam.sources.pixels.deinterlace import Mode
from shufflecam.sources.video.webp import is_animated_webp


def open_live(
    source: str | int,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    on_notice: Callable[[str], None] | None = None,
    reconnect_s: float = 0.0,
    named: str | None = None,
    deinterlace: Mode = "auto",
) -> LatestFrames:
    """Open a camera (index or device file) or network stream (URL); `size` and `fps` are camera requests.

    A lost source is reconnected for up to `reconnect_s`; a camera selected by name (`named`) on any port.
    `deinterlace` applies to streams: a camera's pictures are not flagged as interlaced.

    Raises:
        SourceError: it cannot be opened, with the reason in one sentence.
    """
    text = str(source)
    if is_url(text):
        return open_stream(text, on_notice, reconnect_s, deinterlace)
    if named is None and not text.isdecimal() and not os.path.lexists(text) and is_address(text):
        raise not_an_address(text)
    return open_camera(text, size, fps, on_notice, reconnect_s, named)


def open_source(source: str | os.PathLike[str] | int) -> FrameSource:
    """Open any source: a camera index or device, a URL, a picture, folder or glob pattern, or else a video.

    Raises:
        SourceError: it cannot be opened, or contains nothing readable.
    """
    text = str(source) if isinstance(source, int) else os.fspath(source)
    if text.isdecimal() or is_url(text) or re.match(r"/dev/(video|v4l/)", text):
        return open_live(text)
    extension = os.path.splitext(text)[1].lower()
    pictures = extension in PICTURE_EXTENSIONS and not _plays(text, extension)
    if os.path.isdir(text) or pictures or (glob.has_magic(text) and not os.path.exists(text)):
        from shufflecam.sources.pictures.source import open_images

        return open_images([text])
    from shufflecam.sources.video.source import open_video

    return open_video(text)


def _plays(path: str, extension: str) -> bool:
    """Return whether an image file is to be played as a video: a GIF, or an animated WebP or AVIF."""
    if extension == ".gif":
        return True
    try:
        with open(path, "rb") as file:
            return is_animated_webp(file) or file.read(12)[4:12] == b"ftypavis"
    except OSError:
        return False
