"""Warns before memory is likely to run out, because the system kills a program without a message."""

from __future__ import annotations

from pathlib import Path

from shufflecam.core.reporting import Reporter

BASE_BYTES = 330e6
"""Memory of the program with its networks, once they are prepared."""
BYTES_A_PIXEL, BYTES_A_PIXEL_ENCODED = 18.0, 42.0
"""Additional memory without and with a video encoder: measured at 8K, two cores, docs/reliability.md."""


def note_if_short(
    size: tuple[int, int] | None, encodes: bool, talk: Reporter, left: int | None = None
) -> None:
    """Report the memory needed for pictures of (width, height), if less is available."""
    left = memory_left() if left is None else left
    if size is None or left is None:
        return
    need = BASE_BYTES + size[0] * size[1] * (BYTES_A_PIXEL_ENCODED if encodes else BYTES_A_PIXEL)
    if need > left:
        talk.note(
            f"pictures of {size[0]}x{size[1]} need about {need / 1e9:.1f} GB of memory, and "
            f"{left / 1e9:.1f} GB are free; should the system end this run, scale the video down first"
        )


def memory_left(root: Path = Path("/")) -> int | None:
    """Return the bytes available on this system and in the process's control group; None if unknown.

    Linux only: /proc/meminfo, and a container's limit (cgroup v2 and v1).
    """
    found = [left for left in (_free(root), *_group_room(root)) if left is not None]
    return min(found, default=None)


def _free(root: Path) -> int | None:
    for line in _text(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _group_room(root: Path) -> list[int]:
    rooms = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, limit, usage = root / "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            mount, limit, usage = (
                root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            )  # fmt: skip
        else:
            continue
        # Inside a container the path is often the host's, and the container's own group is the mount.
        inner = mount / path.lstrip("/")
        for group in (inner, *inner.parents) if inner.is_dir() else (mount,):
            most, used = _text(group / limit).strip(), _text(group / usage).strip()
            if most.isdecimal() and used.isdecimal():
                rooms.append(max(0, int(most) - int(used) + _cached(group)))
            if group == mount:
                break
    return rooms


def _cached(group: Path) -> int:
    """Return the bytes of cached files in the group that the system reclaims on demand."""
    for line in _text(group / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
