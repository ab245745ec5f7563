"""What a job says while it works, and to whom: the terminal, a batch's overview, or nobody.

A job takes a `Reporter` and never prints. `Quiet` is for programs; the command line's terminal and the
workers of a batch are others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

BytesDone = Callable[[int, int | None], None]
"""Told (bytes so far, bytes in all or None) of a download."""


class Stop(Protocol):
    """A request to stop: true once somebody has made it."""

    def __bool__(self) -> bool:
        """Whether to stop at the next opportunity."""
        ...


class Meter(Protocol):
    """Counts what is done of a known or unknown number."""

    def advance(self, info: str = "") -> None:
        """One more is done; `info` says something of it."""
        ...


class Reporter(Protocol):
    """Takes sentences and progress. Called from the thread that runs the job."""

    def say(self, text: str, *, as_is: bool = False) -> None:
        """One line on what goes on or has come of it; `as_is`: with an address of our own, token and all."""
        ...

    def note(self, text: str) -> None:
        """One line that matters even in a hurry (a setting that has no effect, a frozen camera)."""
        ...

    def progress(
        self, description: str, total: int | None, *, each: str = "frame", done: int = 0
    ) -> AbstractContextManager[Meter]:
        """A meter for the time of the block.

        Args:
            description: what is being done.
            total: how many there are; None where nobody knows.
            each: what one of them is.
            done: how many an earlier run has done.
        """
        ...

    def download(self, name: str) -> AbstractContextManager[BytesDone | None]:
        """A meter in bytes for the time of the block; None where nobody looks."""
        ...


class _NoMeter:
    def advance(self, info: str = "") -> None:
        """Nothing."""


class Quiet:
    """A `Reporter` that says nothing."""

    def say(self, text: str, *, as_is: bool = False) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    @contextmanager
    def progress(
        self, description: str, total: int | None, *, each: str = "frame", done: int = 0
    ) -> Iterator[Meter]:
        """A meter that shows nothing."""
        yield _NoMeter()

    @contextmanager
    def download(self, name: str) -> Iterator[BytesDone | None]:
        """None: nobody looks."""
        yield None
