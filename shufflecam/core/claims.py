"""Claims on output files: a second concurrent run that would write the same file fails before it starts.

Every run that writes keeps a list of its outputs in a shared folder, next to a lock that it holds while
it lives: the operating system releases the lock when the process ends, however it ends, so a list whose
lock can be acquired is stale.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from shufflecam.core.errors import OutputError

ENTRY_TIMEOUT_S = 10.0
"""The longest wait for another run that is comparing lists."""


@contextmanager
def claim(outputs: Iterable[Path], registry: Path) -> Iterator[None]:
    """Claim `outputs` for this run until the block ends.

    Args:
        outputs: files (or an OpenPose record's folder) that will be written; they need not exist.
        registry: the folder of lists, shared by all runs; created if needed. If it cannot be created or
            written, nothing is claimed: that is no reason to fail.

    Raises:
        OutputError: another active run writes one of them.
    """
    mine = {os.path.normcase(os.path.realpath(path)): path for path in outputs}
    with ExitStack() as stack:
        if mine:
            with suppress(OSError, Timeout):
                registry.mkdir(parents=True, exist_ok=True)
                with FileLock(registry / "entry.lock", timeout=ENTRY_TIMEOUT_S):
                    _compare(mine, registry)
                    stack.enter_context(_listed(mine, registry))
        yield


def _compare(mine: dict[str, Path], registry: Path) -> None:
    """Raise OutputError if an active run has claimed one of `mine`; delete stale lists."""
    for listed in registry.glob("*.list"):
        lock = FileLock(listed.with_suffix(".lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            process, *theirs = _read(listed)
            both = [mine[path] for path in theirs if path in mine]
            if both:
                more = f" (and {len(both) - 1} more of the outputs)" if len(both) > 1 else ""
                raise OutputError(
                    f"Another run of shufflecam, process {process}, is at work on {both[0]}{more}; wait "
                    "until it has ended, or choose another name or folder."
                ) from None
            continue
        listed.unlink(missing_ok=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _read(listed: Path) -> list[str]:
    """Return the process that wrote a list, and its outputs; [""] if the run has just ended."""
    try:
        return listed.read_text(encoding="utf-8", errors="surrogateescape").split("\0")
    except FileNotFoundError:
        return [""]


@contextmanager
def _listed(mine: dict[str, Path], registry: Path) -> Iterator[None]:
    """Keep this run's list in the registry until the block ends."""
    listed = registry / f"{uuid.uuid4().hex}.list"
    lock = FileLock(listed.with_suffix(".lock"), timeout=0)
    with lock:
        # NUL is the one character that no path can contain.
        text = "\0".join((str(os.getpid()), *mine))
        listed.write_text(text, encoding="utf-8", errors="surrogateescape")
        try:
            yield
        finally:
            with suppress(OSError):
                listed.unlink(missing_ok=True)
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)
