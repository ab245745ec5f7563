"""How a job reports messages and progress: to the terminal, to a batch's overview, or not at all.

A job takes a `Reporter` and never prints. `Quiet` is for programs; the terminal and the workers of a batch
have their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

BytesDone = Callable[[int, int | None], None]
"""Progress callback of a download: (bytes so far, total bytes or None)."""


class Stop(Protocol):
    """A request to stop: truthy once it has been made."""

    def __bool__(self) -> bool:
        """Whether to stop at the next opportunity."""
        ...


class Meter(Protocol):
    """A progress meter with a known or unknown total."""

    def advance(self, info: str = "") -> None:
        """Advance by one; `info` is shown with it."""
        ...


class Reporter(Protocol):
    """Receives messages and progress. Called from the thread that runs the job."""

    def say(self, text: str, *, as_is: bool = False) -> None:
        """Report a status or result, one line; `as_is`: do not redact (our own address with its token)."""
        ...

    def note(self, text: str) -> None:
        """Report a warning, one line (a setting that has no effect, a frozen camera)."""
        ...

    def progress(
        self, description: str, total: int | None, *, each: str = "frame", done: int = 0
    ) -> AbstractContextManager[Meter]:
        """Show a progress meter for the duration of the block.

        Args:
            description: what is being done.
            total: number of items; None if unknown.
            each: what an item is called.
            done: number of items that an earlier run completed.
        """
        ...

    def download(self, name: str) -> AbstractContextManager[BytesDone | None]:
        """Show a meter in bytes for the duration of the block; None if nothing is displayed."""
        ...


class _NoMeter:
    def advance(self, info: str = "") -> None:
        """Do nothing."""


class Quiet:
    """A `Reporter` that discards everything."""

    def say(self, text: str, *, as_is: bool = False) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    @contextmanager
    def progress(
        self, description: str, total: int | None, *, each: str = "frame", done: int = 0
    ) -> Iterator[Meter]:
        """Return a meter that displays nothing."""
        yield _NoMeter()

    @contextmanager
    def download(self, name: str) -> Iterator[BytesDone | None]:
        """None: nothing is displayed."""
        yield None
