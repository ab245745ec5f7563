"""Frame sources: cameras, streams, video files, pictures. Lightweight: modules are imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shufflecam.sources.live.camera import open_camera
    from shufflecam.sources.live.cameras import Camera, list_cameras
    from shufflecam.sources.live.latest import LatestFrames
    from shufflecam.sources.live.network import open_stream
    from shufflecam.sources.live.replay import ReplaySource
    from shufflecam.sources.open import open_live, open_source
    from shufflecam.sources.pictures.source import BrokenPicture, ImageSource, open_images
    from shufflecam.sources.video.source import VideoSource, open_video

_HOMES = {
    "BrokenPicture": "pictures.source",
    "Camera": "live.cameras",
    "ImageSource": "pictures.source",
    "LatestFrames": "live.latest",
    "ReplaySource": "live.replay",
    "VideoSource": "video.source",
    "list_cameras": "live.cameras",
    "open_camera": "live.camera",
    "open_images": "pictures.source",
    "open_live": "open",
    "open_source": "open",
    "open_stream": "live.network",
    "open_video": "video.source",
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
