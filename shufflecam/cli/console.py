"""Everything that is said to a person: on standard error, so that standard output carries data only."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table


@dataclass
class Talk:
    """The terminal, as one command sees it."""

    quiet: bool = False
    """Only errors are said."""
    _console: Console | None = field(default=None, repr=False)

    @property
    def console(self) -> Console:
        """The rich console on standard error."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        return self._console

    def say(self, text: str) -> None:
        """One line for the person, unless `--quiet`."""
        if not self.quiet:
            self.console.print(text, markup=False)

    def note(self, text: str) -> None:
        """One line that matters even in a hurry (a setting that has no effect, a frozen camera)."""
        if not self.quiet:
            self.console.print(f"note: {text}", style="yellow", markup=False)

    def table(self, table: Table) -> None:
        """A table for the person, unless `--quiet`."""
        if not self.quiet:
            self.console.print(table)

    @contextmanager
    def progress(self, description: str, total: int | None) -> Iterator[Meter]:
        """A bar with rate and time left; nothing where nobody looks (no terminal, `--quiet`)."""
        if self.quiet or not self.console.is_terminal:
            yield Meter(None, None)
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
            task = progress.add_task(description, total=total, rate="", info="")
            yield Meter(progress, task)


@dataclass
class Meter:
    """Moves a progress bar, or nothing."""

    _progress: Progress | None
    _task: TaskID | None

    def advance(self, info: str = "") -> None:
        """One more is done."""
        if self._progress is None or self._task is None:
            return
        speed = self._progress.tasks[0].speed
        rate = f"{speed:.1f} fps" if speed else ""
        self._progress.update(self._task, advance=1, rate=rate, info=info)


def print_error(error: BaseException, debug: bool) -> None:
    """One red line; with `debug` the traceback above it."""
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    message = str(error) or type(error).__name__
    Talk().console.print(f"shufflecam: {message}", style="red", markup=False)
