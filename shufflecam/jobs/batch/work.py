"""Many videos in one run: which output belongs to which input, one after the other, and what came of it.

Each output is written beside its place as `NAME.part.mp4` (`.part.jsonl`, ...), which can be played at any
moment, and gets its name when it is whole. So what has its name is whole, and `--skip-existing` can trust it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import (
    Interrupted,
    OutputError,
    ShufflecamError,
    SourceBrokeOff,
    SourceError,
    UsageError,
    WeightsError,
)
from shufflecam.core.reasons import reason, unexpected
from shufflecam.core.reporting import Meter, Quiet
from shufflecam.jobs.batch.plan import CUT_SHORT, DONE, FAILED, STOPPED, Item, Report, part_of

if TYPE_CHECKING:
    from shufflecam.finder.settings import FinderSettings
    from shufflecam.jobs.video import VideoJob
    from shufflecam.pipeline.stop import StopRequest
    from shufflecam.records.formats import RecordFormat

EVENT_EVERY_S = 0.2

Send = Callable[[tuple[Any, ...]], None]


def work_on(
    item: Item, job: VideoJob, finder_options: FinderSettings, send: Send, stop: StopRequest
) -> Report:
    """One video, from its source to its outputs' names. Raises nothing that is its own fault.

    Args:
        item: what to read and write.
        job: everything else of the run; its `source`, `out` and the record's path do not count.
        finder_options: the networks.
        send: takes ("total", frames), ("at", frame, text) and ("note", text) as it goes.
        stop: ends it early.
    """
    from shufflecam.jobs.video import process_video

    parts = [(part_of(path), path) for path in item.outputs]
    began = time.monotonic()
    one = replace(
        job,
        source=item.source,
        out=None if item.out is None else part_of(item.out),
        record=replace(job.record, path=None if item.record is None else str(part_of(item.record))),
        overwrite=True,
    )

    def report(state: str, reason: str = "", **more: Any) -> Report:
        return Report(item, state, seconds=time.monotonic() - began, reason=reason, **more)

    try:
        with _folder_for(item, job.record.kind):
            outcome = process_video(one, finder_options, EventReporter(send), stop)
    except Interrupted as error:
        return report(STOPPED, str(error))
    except (WeightsError, UsageError) as error:
        return report(FAILED, str(error), fatal=error)
    except ShufflecamError as error:
        unreadable = isinstance(error, SourceError) and not isinstance(error, SourceBrokeOff)
        return report(FAILED, str(error), unreadable=unreadable)
    except Exception as error:  # one video that we stumble over must not cost the others
        return report(FAILED, unexpected(error, "run it alone with --debug"))
    counts: dict[str, Any] = {"frames": outcome.frames, "people": outcome.with_people}
    if outcome.interrupted:
        return report(STOPPED, "stopped", **counts)
    if outcome.broke_off is not None:
        return report(CUT_SHORT, str(outcome.broke_off), **counts)
    try:
        for part, path in parts:
            _put(part, path)
    except OSError as error:
        return report(FAILED, f"{parts[0][0]} cannot be renamed: {reason(error)}.", **counts)
    return report(DONE, **counts)


@contextmanager
def _folder_for(item: Item, format: RecordFormat) -> Iterator[None]:
    """A record that is a folder has to be there as such: its name may end as a file's does."""
    if item.record is None or not format.is_folder:
        yield
        return
    folder = part_of(item.record)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"Cannot make the folder {folder}: {reason(error)}; choose another.") from error
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()  # where nothing came of it


def _put(part: Path, path: Path) -> None:
    """Give a whole output its name. A folder (OpenPose) cannot replace one that holds files."""
    if part.is_dir() and path.is_dir():
        for file in part.iterdir():
            file.replace(path / file.name)
        part.rmdir()
    else:
        part.replace(path)


@dataclass
class EventReporter(Quiet):
    """For one video of many: notes and progress go to whoever shows all; the summary says the rest."""

    send: Send

    def note(self, text: str) -> None:
        """Passed on."""
        self.send(("note", text))

    @contextmanager
    def progress(
        self, description: str, total: int | None, *, each: str = "frame", done: int = 0
    ) -> Iterator[Meter]:
        """Passed on, a few times a second."""
        self.send(("total", total))
        yield _SendingMeter(self.send)


class _SendingMeter:
    def __init__(self, send: Send) -> None:
        self._send, self._done, self._next_s = send, 0, 0.0

    def advance(self, info: str = "") -> None:
        """Passed on, where the last one was long enough ago."""
        self._done += 1
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + EVENT_EVERY_S
            self._send(("at", self._done, info))
