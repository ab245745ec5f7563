"""Enumerate the cameras, and diagnose why one cannot be opened.

Tested on Linux; on the other systems implemented after their documentation.
"""

from __future__ import annotations

import errno
import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shufflecam.core.errors import SourceError, UsageError
from shufflecam.core.reasons import reason

_VIDEO_CAPTURE = 0x1
_VIDEO_CAPTURE_MPLANE = 0x1000
"""V4L2_CAP_VIDEO_CAPTURE and its multi-planar variant (linux/videodev2.h)."""

_QUERYCAP = 0x80685600
"""VIDIOC_QUERYCAP: _IOR('V', 0, struct v4l2_capability), 104 bytes."""


@dataclass(frozen=True)
class Camera:
    """A camera known to the system."""

    index: int
    """The index that `webcam` accepts."""
    path: str
    """The device file; on systems without device files, the index."""
    name: str
    """The manufacturer's name of the device."""
    readable: bool = True
    """Whether this user has permission to open it; use by another program only shows on opening."""
    problem: str = ""
    """What to do if it is not readable."""


def list_cameras(dev: str = "/dev", sysfs: str = "/sys/class/video4linux") -> list[Camera]:
    """Return this machine's cameras, by index, without capturing from any of them."""
    if sys.platform == "linux":
        return [_camera(path, sysfs) for path in _device_files(dev) if _gives_pictures(path, sysfs)]
    names = _mac_names() if sys.platform == "darwin" else _windows_names()
    return [Camera(index, str(index), name) for index, name in enumerate(names)]


def find_camera(name: str, cameras: Sequence[Camera]) -> Camera:
    """Return the camera of a name: an exact match or else a substring match, ignoring case.

    Raises:
        UsageError: the name is ambiguous.
        SourceError: no camera matches.
    """
    wanted = name.strip().lower()
    whole = [camera for camera in cameras if wanted in (camera.name.lower(), camera.path, str(camera.index))]
    found = whole or [camera for camera in cameras if wanted and wanted in camera.name.lower()]
    if len(found) == 1:
        return found[0]
    if not found:
        known = ", ".join(f'"{camera.name}"' for camera in cameras)
        there = f"there are {known}" if cameras else "there is none at all; plug one in"
        raise SourceError(f'There is no camera "{name}": {there}.')
    several = " and ".join(f'"{camera.name}" ({camera.path})' for camera in found)
    raise UsageError(f'--camera "{name}" could be {several}; give more of the name, or the device.')


def why_not_open(source: str, dev: str = "/dev", proc: str = "/proc") -> str:
    """Return one sentence on why a camera (index or path) did not open: existence, permission, use."""
    if sys.platform == "darwin":
        return (
            f"Camera {source} cannot be opened; allow the camera for your terminal in System Settings, "
            "Privacy & Security, and check the index."
        )
    if sys.platform != "linux":
        return f"Camera {source} cannot be opened; check the index and that no other program uses it."
    path = os.path.join(dev, f"video{source}") if source.isdecimal() else source
    if not os.path.exists(path):
        there = _device_files(dev)
        known = f"there are {', '.join(there)}" if there else f"there is no {dev}/video* at all"
        return f"There is no camera {path}: {known}; plug it in, or play a file with --replay FILE."
    if not os.access(path, os.R_OK | os.W_OK):
        return f"No permission to open {path}: {_permission_hint(path)}."
    holders = list(_holders(path, proc))
    if holders:
        return f"{path} is in use by {', '.join(holders)}; end that program first."
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        busy = "another program holds it" if error.errno == errno.EBUSY else reason(error)
        return f"{path} cannot be opened: {busy}; end the program that uses it, or plug it in again."
    others = ", ".join(other for other in _device_files(dev) if other != path) or "none"
    return f"{path} gives no pictures; another program may hold it, or it is no camera (others: {others})."


def _device_files(dev: str) -> list[str]:
    try:
        names = os.listdir(dev)
    except OSError:
        return []
    numbers = sorted(int(name[5:]) for name in names if re.fullmatch(r"video\d+", name))
    return [os.path.join(dev, f"video{number}") for number in numbers]


def _camera(path: str, sysfs: str) -> Camera:
    node = os.path.basename(path)
    try:
        name = Path(sysfs, node, "name").read_text(errors="replace").strip()
    except OSError:
        name = node
    readable = os.access(path, os.R_OK | os.W_OK)
    return Camera(int(node[5:]), path, name, readable, "" if readable else _permission_hint(path))


def _permission_hint(path: str) -> str:
    group = _group_of(path)
    return f"join the group {group} (sudo usermod -aG {group} $USER), then log in again"


def _group_of(path: str) -> str:
    import grp

    try:
        return grp.getgrgid(os.stat(path).st_gid).gr_name
    except (OSError, KeyError):
        return "video"


def _gives_pictures(path: str, sysfs: str) -> bool:
    """Return whether a device node captures video: cameras often have a second one for metadata only."""
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        # No permission to query it: the first node of a device is the one that captures.
        try:
            return Path(sysfs, os.path.basename(path), "index").read_text().strip() == "0"
        except OSError:
            return True
    try:
        answer = bytearray(104)
        fcntl.ioctl(descriptor, _QUERYCAP, answer)
        return captures_video(bytes(answer))
    except OSError:
        return True
    finally:
        os.close(descriptor)


def captures_video(capability: bytes) -> bool:
    """Return whether a `struct v4l2_capability` reports video capture.

    Read from device_caps (offset 88) if set, otherwise from capabilities (84).
    """
    capabilities, device_caps = struct.unpack_from("=II", capability, 84)
    has_own = capabilities & 0x80000000  # V4L2_CAP_DEVICE_CAPS
    return bool((device_caps if has_own else capabilities) & (_VIDEO_CAPTURE | _VIDEO_CAPTURE_MPLANE))


def _holders(path: str, proc: str) -> Iterator[str]:
    """Yield this user's other processes that have the device open, as "name (process 123)"."""
    target = os.path.realpath(path)
    for process in sorted(Path(proc).glob("[0-9]*")):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(os.path.realpath(link) == target for link in (process / "fd").iterdir()):
                yield f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue  # another user's process, or one that has ended


def _mac_names() -> list[str]:  # untested
    listed = _output_of(["system_profiler", "SPCameraDataType", "-json"])
    try:
        return [str(item.get("_name", "camera")) for item in json.loads(listed).get("SPCameraDataType", [])]
    except ValueError:
        return []


def _windows_names() -> list[str]:  # untested
    query = "Get-PnpDevice -Class Camera,Image -Status OK | ForEach-Object FriendlyName"
    return [
        line.strip()
        for line in _output_of(["powershell", "-NoProfile", "-Command", query]).splitlines()
        if line
    ]


def _output_of(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
