"""Where frames come from: cameras, streams, video files, pictures. Light: parts load on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shufflecam.sources.capture import VideoSource, open_video
    from shufflecam.sources.image import BrokenPicture, ImageSource, open_images

_HOMES = {
    "VideoSource": "capture",
    "open_video": "capture",
    "BrokenPicture": "image",
    "ImageSource": "image",
    "open_images": "image",
}

__all__ = ["BrokenPicture", "ImageSource", "VideoSource", "open_images", "open_video"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
