"""Downloads as a person sees them, and the detectors that are fetched because somebody named them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shufflecam.cli.console import Talk

if TYPE_CHECKING:
    from shufflecam.models.http import Progress


@contextmanager
def bytes_bar(talk: Talk, name: str) -> Iterator[Progress | None]:
    """A bar in megabytes with rate and time left; None where nobody looks."""
    if talk.quiet or not talk.console.is_terminal:
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
    with bars.Progress(*columns, console=talk.console, transient=True) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
