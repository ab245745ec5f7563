"""Two runs at once that would write the same file: the second one is told so before it writes anything.

Every run that writes keeps a list of its outputs in a common folder, beside a lock that it holds as long
as it lives: the system lets go of the lock when the process ends, however it ends, so that a list
whose lock can be had is one that a killed run left behind.
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
"""The longest wait for another run that is just comparing lists."""


@contextmanager
def claim(outputs: Iterable[Path], registry: Path) -> Iterator[None]:
    """Hold `outputs` as this run's own until the block ends.

    Args:
        outputs: files (or an OpenPose record's folder) that are going to be written; none of them need exist.
        registry: the folder of lists, the same one for every run; made if need be. Where it cannot be
            made or written nothing is claimed: that is no reason not to work.

    Raises:
        OutputError: another run that is at work writes one of them.
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
    """Raise OutputError where a living run has one of `mine`; lists of dead ones are removed."""
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
    """The process that wrote a list, and its outputs; of a run that has ended just now, none."""
    try:
        return listed.read_text(encoding="utf-8", errors="surrogateescape").split("\0")
    except FileNotFoundError:
        return [""]


@contextmanager
def _listed(mine: dict[str, Path], registry: Path) -> Iterator[None]:
    """The list of this run, for as long as the block lasts."""
    listed = registry / f"{uuid.uuid4().hex}.list"
    lock = FileLock(listed.with_suffix(".lock"), timeout=0)
    with lock:
        # NUL is the one character that no path can have.
        text = "\0".join((str(os.getpid()), *mine))
        listed.write_text(text, encoding="utf-8", errors="surrogateescape")
        try:
            yield
        finally:
            with suppress(OSError):
                listed.unlink(missing_ok=True)
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)
