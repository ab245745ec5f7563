"""Skeletons from a webcam, a video or a folder of pictures.

>>> import cv2, shufflecam
>>> find_poses = shufflecam.load()  # the embedded models
>>> poses = find_poses(cv2.imread("me.jpg"))  # a list of shufflecam.Pose
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shufflecam.core.version import __version__

if TYPE_CHECKING:
    from shufflecam.core.errors import ShufflecamError
    from shufflecam.core.types import Detections, Frame, FrameResult, Pose
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.finder.open import load


_HOMES = {
    "PoseFinder": "shufflecam.finder.finder",
    "load": "shufflecam.finder.open",
    "Detections": "shufflecam.core.types",
    "Frame": "shufflecam.core.types",
    "FrameResult": "shufflecam.core.types",
    "Pose": "shufflecam.core.types",
    "ShufflecamError": "shufflecam.core.errors",
}

__all__ = [
    "Detections",
    "Frame",
    "FrameResult",
    "Pose",
    "PoseFinder",
    "ShufflecamError",
    "__version__",
    "load",
]


def __getattr__(name: str) -> Any:
    # Only what is asked for is imported: `shufflecam --help` must not wait for torch.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'shufflecam' has no attribute {name!r}")
