"""CPU properties that the engines need: cores, instruction sets. Nothing here imports a backend."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import sys
from pathlib import Path

BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Linux's names of the instructions that multiply bfloat16; other CPUs emulate it, slower and less exact."""


def thread_count(threads: int | None = None) -> int:
    """Return the threads for a network: `threads`, else the user's `OMP_NUM_THREADS`, else the cores."""
    if threads is not None:
        return threads
    return threads_by_user() or physical_cores()


def threads_by_user() -> int | None:
    """Return `OMP_NUM_THREADS` if the user set it, else None."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    # Importing ultralytics sets it to "1", unasked.
    if wanted.isdecimal() and int(wanted) > 0 and not (wanted == "1" and "ultralytics" in sys.modules):
        return int(wanted)
    return None


def physical_cores() -> int:
    """Return the physical cores that this process may use, limited by a container's CPU quota.

    Hyper-threads of a core count once: two threads on it only compete for its multipliers.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    siblings = set()
    for cpu in allowed:
        topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            siblings.add(topology.read_text())
        except OSError:
            siblings.add(str(cpu))
    return max(1, min(len(siblings), _quota()))


def _quota() -> int:
    """Return the CPU quota of the container's control group (cgroup v2), in CPUs, rounded up."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return -(-int(limit) // int(period))
    except (OSError, ValueError):  # no control group, or "max": no limit
        return sys.maxsize


@functools.cache
def cpu_flags() -> frozenset[str]:
    """Return the instruction sets by their Linux names; empty if the system does not list them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware; False if unknown."""
    return bool(BFLOAT16_FLAGS & cpu_flags())


def cpu_identity() -> str:
    """Return a short text that differs between CPUs for which a compiler may select other instructions."""
    flags = hashlib.sha256(" ".join(sorted(cpu_flags())).encode()).hexdigest()[:16]
    return f"{platform.system()} {platform.machine()} {flags}"
