"""Messages to the user, on standard error, so that standard output carries data only.

User names and passwords are removed from addresses here as well, whatever the origin of the text.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shufflecam.core.addresses import without_secrets
from shufflecam.core.words import counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table

    from shufflecam.core.reporting import BytesDone


@dataclass
class Terminal:
    """One command's interface to the terminal."""

    quiet: bool = False
    """Report errors only."""
    _console: Console | None = field(default=None, repr=False)

    @property
    def console(self) -> Console:
        """Return the rich console on standard error."""
        if self._console is None:
            from shufflecam.cli.message_console import MessageConsole

            self._console = MessageConsole()
        return self._console

    def say(self, text: str, *, as_is: bool = False) -> None:
        """Print one line, unless `--quiet`; `as_is` keeps our own addresses intact, token included."""
        if not self.quiet:
            self.console.print(text if as_is else without_secrets(text), markup=False)

    def note(self, text: str) -> None:
        """Print one line of warning, unless `--quiet` (a setting without effect, a frozen camera)."""
        if not self.quiet:
            self.console.print(f"note: {without_secrets(text)}", style="yellow", markup=False)

    def table(self, table: Table) -> None:
        """Print a table, unless `--quiet`."""
        if not self.quiet:
            self.console.print(table)

    @contextmanager
    def progress(
        self, description: str, total: int | None, *, each: str = "frame", done: int = 0
    ) -> Iterator[Meter]:
        """Show a progress bar with rate and time left; nothing without a terminal or with `--quiet`.

        Args:
            description: label in front of the bar.
            total: number of items; None if unknown.
            each: name of one item, used for the rate: frames, steps or pictures per second.
            done: number of items that an earlier run completed.
        """
        if self.quiet or not self.console.is_terminal:
            yield Meter(None, None, each)
            return
        from rich import progress as bars

        columns = (
            bars.TextColumn("{task.description}", style="progress.description", markup=False),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[rate]}", markup=False),
            bars.TimeRemainingColumn(),
            bars.TextColumn("{task.fields[info]}", markup=False),
        )
        with bars.Progress(*columns, console=self.console, transient=True) as progress:
            shown = without_secrets(description)
            task = progress.add_task(shown, total=total, completed=done, rate="", info="")
            yield Meter(progress, task, each)

    @contextmanager
    def download(self, name: str) -> Iterator[BytesDone | None]:
        """Show a progress bar in megabytes with rate and time left; None without a terminal."""
        if self.quiet or not self.console.is_terminal:
            yield None
            return
        from rich import progress as bars

        columns = (
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(),
            bars.DownloadColumn(),
            bars.TransferSpeedColumn(),
            bars.TimeRemainingColumn(),
        )
        with bars.Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(name, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)


@dataclass
class Meter:
    """Advances a progress bar, if there is one."""

    _progress: Progress | None
    _task: TaskID | None
    _each: str = "frame"

    def advance(self, info: str = "") -> None:
        """Report one more item as completed."""
        if self._progress is None or self._task is None:
            return
        speed = self._progress.tasks[0].speed
        self._progress.update(self._task, advance=1, rate=rate_of(speed, self._each), info=info)


def rate_of(speed: float | None, each: str = "frame") -> str:
    """Format a rate: `24.1 fps`, `3.2 steps/s`, `2.5 s/step`; empty if unknown.

    Args:
        speed: items per second.
        each: name of one item.
    """
    if not speed:
        return ""
    if each == "frame":
        return f"{speed:.1f} fps"
    return f"{speed:.1f} {counted(2, each)[2:]}/s" if speed >= 1 else f"{1 / speed:.1f} s/{each}"


def duration(seconds: float) -> str:
    """Format a duration in a suitable unit: `42 s`, `12 min`, `3.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def print_error(error: BaseException, debug: bool, cause: BaseException | None = None) -> None:
    """Print an error as one red line; with `debug` after the traceback, of `cause` if given."""
    if debug:
        sys.stderr.write(without_secrets("".join(traceback.format_exception(cause or error))))
    message = without_secrets(str(error)) or type(error).__name__
    Terminal().console.print(f"shufflecam: {message}", style="red", markup=False)
