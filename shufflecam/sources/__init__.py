"""Where frames come from: cameras, streams, video files, pictures. Light: parts load on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shufflecam.sources.camera import open_camera
    from shufflecam.sources.cameras import Camera, list_cameras
    from shufflecam.sources.latest import LatestFrames
    from shufflecam.sources.network import open_stream
    from shufflecam.sources.open import open_live, open_source
    from shufflecam.sources.pictures import BrokenPicture, ImageSource, open_images
    from shufflecam.sources.replay import ReplaySource
    from shufflecam.sources.video import VideoSource, open_video

_HOMES = {
    "BrokenPicture": "pictures",
    "Camera": "cameras",
    "ImageSource": "pictures",
    "LatestFrames": "latest",
    "ReplaySource": "replay",
    "VideoSource": "video",
    "list_cameras": "cameras",
    "open_camera": "camera",
    "open_images": "pictures",
    "open_live": "open",
    "open_source": "open",
    "open_stream": "network",
    "open_video": "video",
}

__all__ = [
    "BrokenPicture",
    "Camera",
    "ImageSource",
    "LatestFrames",
    "ReplaySource",
    "VideoSource",
    "list_cameras",
    "open_camera",
    "open_images",
    "open_live",
    "open_source",
    "open_stream",
    "open_video",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
