"""Downloads as a person sees them, and the detectors that are fetched because somebody named them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shufflecam.cli.console import Talk

if TYPE_CHECKING:
    from shufflecam.models.http import Progress


def fetch_detector(choice: str, talk: Talk) -> None:
    """Fetch a published detector that was asked for by its name, unless it is here.

    Args:
        choice: what `--detector` says; nothing is done for "auto", "none" and files.
        talk: where it is said.

    Raises:
        UsageError: an unknown name.
        WeightsError: it cannot be had.
        OutputError: the cache cannot be written.
    """
    from shufflecam.models.catalogue import locate, looks_like_file, person_entry
    from shufflecam.models.fetch import fetch

    if choice in ("auto", "none") or looks_like_file(choice):
        return
    entry = person_entry(choice)
    if entry.embedded or locate(entry) is not None:
        return
    talk.say(f"{entry.name} is fetched once ({entry.url})")
    with bytes_bar(talk, entry.name) as on_progress:
        fetch(entry, on_progress=on_progress)


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
