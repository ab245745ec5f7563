"""Which cameras there are, and why one does not open.

Tested on Linux; the other systems as their documents say.
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
"""V4L2_CAP_VIDEO_CAPTURE and its multi-planar kin (linux/videodev2.h)."""

_QUERYCAP = 0x80685600
"""VIDIOC_QUERYCAP: _IOR('V', 0, struct v4l2_capability), 104 bytes."""


@dataclass(frozen=True)
class Camera:
    """A camera that the system knows."""

    index: int
    """What `webcam` takes."""
    path: str
    """The device file; where there are none, the index."""
    name: str
    """As its maker calls it."""
    readable: bool = True
    """Whether this user may open it; that another program holds it shows only on opening."""
    problem: str = ""
    """What to do where it is not readable."""


def list_cameras(dev: str = "/dev", sysfs: str = "/sys/class/video4linux") -> list[Camera]:
    """The cameras of this machine, by index. Opens none of them for pictures."""
    if sys.platform == "linux":
        return [_camera(path, sysfs) for path in _device_files(dev) if _gives_pictures(path, sysfs)]
    names = _mac_names() if sys.platform == "darwin" else _windows_names()
    return [Camera(index, str(index), name) for index, name in enumerate(names)]


def find_camera(name: str, cameras: Sequence[Camera]) -> Camera:
    """The camera that a name means: the whole name, or else a part of it, whatever its case.

    Raises:
        UsageError: it could be several.
        SourceError: there is none of that name.
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
    """One sentence on a camera (index or path) that did not open: what exists, who may, who holds it."""
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
    """Whether the node captures video: cameras often have a second one for metadata only."""
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        # May not ask: the first node of a device is the one with the pictures.
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
    """Whether a `struct v4l2_capability` says so: device_caps (at 88) where set, else capabilities (84)."""
    capabilities, device_caps = struct.unpack_from("=II", capability, 84)
    has_own = capabilities & 0x80000000  # V4L2_CAP_DEVICE_CAPS
    return bool((device_caps if has_own else capabilities) & (_VIDEO_CAPTURE | _VIDEO_CAPTURE_MPLANE))


def _holders(path: str, proc: str) -> Iterator[str]:
    """Programs of this user that have the device open, as "name (process 123)"; this process apart."""
    target = os.path.realpath(path)
    for process in sorted(Path(proc).glob("[0-9]*")):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(os.path.realpath(link) == target for link in (process / "fd").iterdir()):
                yield f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue  # another user's, or gone


def _mac_names() -> list[str]:  # untested: no such machine at hand
    listed = _output_of(["system_profiler", "SPCameraDataType", "-json"])
    try:
        return [str(item.get("_name", "camera")) for item in json.loads(listed).get("SPCameraDataType", [])]
    except ValueError:
        return []


def _windows_names() -> list[str]:  # untested: no such machine at hand
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
