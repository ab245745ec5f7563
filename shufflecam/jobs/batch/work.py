"""Processes one video of a batch, and reports its outcome.

Each output is written next to its destination as `NAME.part.mp4` (`.part.jsonl`, ...), which can be played at
any time, and is renamed once complete. So an output under its final name is complete, and `--skip-existing`
can rely on it.
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
    """Process one video and return its report. Failures of the video itself are reported, not raised.

    Args:
        item: input and outputs.
        job: everything else of the run; its `source`, `out` and the record's path are ignored.
        finder_options: the networks.
        send: receives ("total", frames), ("at", frame, text) and ("note", text) during the run.
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
    except Exception as error:  # an unexpected error in one video must not affect the others
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
    """Create the folder of a record that is a folder: its name may end like a file's."""
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
            folder.rmdir()  # if nothing was written


def _put(part: Path, path: Path) -> None:
    """Rename a complete output. A folder (OpenPose) cannot replace one that contains files."""
    if part.is_dir() and path.is_dir():
        for file in part.iterdir():
            file.replace(path / file.name)
        part.rmdir()
    else:
        part.replace(path)


@dataclass
class EventReporter(Quiet):
    """Forwards one video's notes and progress to the batch's view; the summary is replaced by the report."""

    send: Send

    def note(self, text: str) -> None:
        """Forward a note."""
        self.send(("note", text))

    @contextmanager
    def progress(
        self, description: str, total: int | None, *, each: str = "frame", done: int = 0
    ) -> Iterator[Meter]:
        """Forward progress, a few times a second."""
        self.send(("total", total))
        yield _SendingMeter(self.send)


class _SendingMeter:
    def __init__(self, send: Send) -> None:
        self._send, self._done, self._next_s = send, 0, 0.0

    def advance(self, info: str = "") -> None:
        """Forward the position, unless the last event was too recent."""
        self._done += 1
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + EVENT_EVERY_S
            self._send(("at", self._done, info))
