"""Local cameras through OpenCV: V4L2 on Linux, AVFoundation on macOS, Media Foundation on Windows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

# Media Foundation searches for hardware transforms for up to a minute on opening (opencv/opencv #17687);
# OpenCV reads this variable when it is imported. Untested on Windows.
os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")

import cv2

from shufflecam.core.errors import SourceBrokeOff, SourceError
from shufflecam.core.types import ImageArray
from shufflecam.sources.live.cameras import find_camera, list_cameras, why_not_open
from shufflecam.sources.live.capture import Grabbed
from shufflecam.sources.live.latest import STALL_TIMEOUT_S, LatestFrames
from shufflecam.sources.live.reconnect import Reconnecting

_MJPG = cv2.VideoWriter.fourcc(*"MJPG")

_BACKENDS = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_MSMF}

_WANTED_FPS = 30.0
"""Frame rate requested by default: cameras deliver their sensor's rate or less."""

_FIRST_READS = 5
"""Attempts at the first read: some cameras fail while they start up."""


class CameraCapture:
    """A `Capture` over `cv2.VideoCapture`."""

    def __init__(
        self,
        source: str,
        size: tuple[int, int] | None = None,
        fps: float | None = None,
        open_device: Callable[..., Any] = cv2.VideoCapture,
    ) -> None:
        """Configure a capture of `source`, an index ("0") or a device file; `size` and `fps` are requests."""
        self._source = source
        self._asked_size, self._asked_fps = size, fps
        self._open_device = open_device
        self._device: Any = None
        self._first: ImageArray | None = None
        self._began_s = 0.0
        self.size = (0, 0)
        self.fps: Fraction | None = None
        self.pixel_aspect = 1.0  # cameras report no other value
        self.notes: tuple[str, ...] = ()

    def open(self) -> None:
        """Open the device, select the faster mode, and read a first picture.

        Raises:
            SourceError: the device cannot be opened or delivers no picture, with the likely cause.
        """
        backend = _BACKENDS.get(sys.platform, cv2.CAP_ANY)
        target = int(self._source) if self._source.isdecimal() else self._source
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # our own message is more specific
        try:
            self._device = self._open_device(target, backend)
            if not self._device.isOpened():
                raise SourceError(why_not_open(self._source))
            choose_mode(self._device, self._asked_size, self._asked_fps)
            self._first = next(
                (image for image in map(self._read, range(_FIRST_READS)) if image is not None), None
            )
        finally:
            cv2.utils.logging.setLogLevel(level)
        if self._first is None:
            raise SourceError(why_not_open(self._source))
        self.size = (self._first.shape[1], self._first.shape[0])
        self.fps = believable_fps(self._device.get(cv2.CAP_PROP_FPS))
        self._began_s = time.monotonic()

    def grab(self) -> Grabbed | None:
        """Return the next picture.

        Raises:
            SourceBrokeOff: the camera stopped delivering pictures.
        """
        image = self._read()
        now = time.monotonic()
        if image is None:
            raise SourceBrokeOff(
                f"Camera {self._source} stopped giving pictures after {now - self._began_s:.1f} s; "
                "check its cable, then start again."
            )
        return Grabbed(lambda: image, now)

    def close(self) -> None:
        """Release the device."""
        if self._device is not None:
            self._device.release()

    def interrupt(self) -> None:
        """Do nothing: a blocking camera read cannot be interrupted from another thread."""

    def _read(self, _attempt: int = 0) -> ImageArray | None:
        good, image = self._device.read()
        if not good or image is None or image.size == 0:
            return None
        if image.ndim == 2 or image.shape[2] == 1:
            return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        return image


def choose_mode(device: Any, size: tuple[int, int] | None, fps: float | None) -> None:
    """Request size and rate, as MJPG if that gets closer to them than the device's default format.

    USB 2 carries 1280x720 at 5 to 10 fps as uncompressed YUYV, and at 30 fps as MJPG.
    """
    wanted_fps = fps or _WANTED_FPS
    default_format = device.get(cv2.CAP_PROP_FOURCC)
    plain = _ask(device, None, size, wanted_fps)
    if default_format == _MJPG:
        return
    packed = _ask(device, _MJPG, size, wanted_fps)
    took = device.get(cv2.CAP_PROP_FOURCC) == _MJPG
    if not took or _distance(packed, size, wanted_fps) >= _distance(plain, size, wanted_fps):
        _ask(device, default_format, size, wanted_fps)


def _ask(
    device: Any, pixel_format: float | None, size: tuple[int, int] | None, fps: float
) -> tuple[float, float, float]:
    """Request a mode; return the (width, height, fps) that the camera settled on."""
    if pixel_format is not None:
        device.set(cv2.CAP_PROP_FOURCC, pixel_format)
    if size is not None:
        device.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
    device.set(cv2.CAP_PROP_FPS, fps)
    return (
        device.get(cv2.CAP_PROP_FRAME_WIDTH),
        device.get(cv2.CAP_PROP_FRAME_HEIGHT),
        device.get(cv2.CAP_PROP_FPS),
    )


def _distance(
    mode: tuple[float, float, float], size: tuple[int, int] | None, fps: float
) -> tuple[float, float]:
    """Return a mode's distance from the request, ordered by size first, then by shortfall in rate."""
    width, height, rate = mode
    off = abs(width - size[0]) + abs(height - size[1]) if size is not None else 0.0
    return off, max(0.0, fps - rate)


def believable_fps(told: float) -> Fraction | None:
    """Return a reported rate, exact for NTSC's fractional ones; None for implausible ones (0, nan, 90000)."""
    if not 0 < told <= 1000:  # also rejects nan
        return None
    nominal = round(told)
    if abs(told - nominal / 1.001) < 0.002 * nominal / 10:  # 29.97, 59.94: NTSC rates
        return Fraction(nominal * 1000, 1001)
    return Fraction(told).limit_denominator(1001)


def open_camera(
    source: str | int,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    on_notice: Callable[[str], None] | None = None,
    reconnect_s: float = 0.0,
    named: str | None = None,
) -> LatestFrames:
    """Open a camera, by index or device file, as a live source that reconnects for up to `reconnect_s`.

    See `CameraCapture`, `Reconnecting` and `LatestFrames`. A camera selected by name (`named`) is looked up
    by name again on reconnection: plugged into another port, it may have another device file.
    """
    first = str(source)

    def make() -> CameraCapture:
        nonlocal first
        device, first = first, ""
        if not device and named is not None:
            device = find_camera(named, list_cameras()).path
        return CameraCapture(device or str(source), size, fps)

    return LatestFrames(
        Reconnecting(make, reconnect_s),
        str(source),
        "camera",
        # AVFoundation requests permission on the main thread only.
        open_here=sys.platform == "darwin",
        on_notice=on_notice,
        stall_timeout_s=reconnect_s + STALL_TIMEOUT_S,
    )
