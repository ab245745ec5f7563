"""Many videos in one run: which output belongs to which input, one after the other, and what came of it.

Each output is written beside its place as `NAME.part.mp4` (`.part.jsonl`, ...), which can be played at any
moment, and gets its name when it is whole. So what has its name is whole, and `--skip-existing` can trust it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from shufflecam.cli.console import Meter, Talk
from shufflecam.cli.faults import unexpected
from shufflecam.core.errors import (
    Interrupted,
    OutputError,
    ShufflecamError,
    SourceBrokeOff,
    SourceError,
    UsageError,
    WeightsError,
)
from shufflecam.core.reasons import reason
from shufflecam.core.words import are, counted

if TYPE_CHECKING:
    from shufflecam.cli.commands.video import VideoJob
    from shufflecam.cli.options.finder import FinderOptions
    from shufflecam.sources.paths import PicturePath

RECORD_ENDINGS = {"shufflecam": ".jsonl", "coco": ".json", "csv": ".csv", "openpose": ""}
"""What a video's record is called in the folder that --json names: the video's name with this ending."""

DONE, SKIPPED, CUT_SHORT, FAILED, STOPPED = "done", "skipped", "cut short", "failed", "stopped"

EVENT_EVERY_S = 0.2

Send = Callable[[tuple[Any, ...]], None]


@dataclass(frozen=True)
class Item:
    """One video of many."""

    name: str
    """Relative to the folder given."""
    source: str
    out: Path | None
    record: Path | None

    @property
    def outputs(self) -> list[Path]:
        """What is to be there at the end."""
        return [path for path in (self.out, self.record) if path is not None]

    @property
    def bytes(self) -> int:
        """The input's size: how much of the whole work it is."""
        with suppress(OSError):
            return max(1, os.path.getsize(self.source))
        return 1


@dataclass(frozen=True)
class Report:
    """What came of one video."""

    item: Item
    state: str
    frames: int = 0
    people: int = 0
    """Frames with people."""
    seconds: float = 0.0
    reason: str = ""
    fatal: ShufflecamError | None = field(default=None, compare=False)
    """What would fail every other video in the same way (weights, usage)."""
    unreadable: bool = False
    """The source could not be opened at all."""


def plan(
    found: Sequence[PicturePath],
    out: Path | None,
    records: Path | None,
    record_format: str,
    codec: str = "h264",
) -> list[Item]:
    """Which outputs each input has: DIR/<path below the folder given>, ending in .mp4 where need be.

    Raises:
        UsageError: two inputs have the same output, or an output is an input.
    """
    from shufflecam.media.codecs import CODECS

    items = []
    for file in found:
        name = PurePosixPath(file.name)
        kept = name.suffix.lower() in CODECS[codec].containers
        video = name if kept else _renamed(name, ".mp4", out)
        record = _renamed(name, RECORD_ENDINGS[record_format], records)
        items.append(
            Item(
                name=file.name,
                source=file.path,
                out=out / video if out is not None else None,
                record=records / record if records is not None else None,
            )
        )
    inputs = {os.path.realpath(item.source) for item in items}
    taken: dict[str, Item] = {}
    for item in items:
        for path in item.outputs:
            other = taken.setdefault(os.path.normcase(os.path.realpath(path)), item)
            if other is not item:
                raise UsageError(
                    f"{other.source} and {item.source} would both become {path}; give them different --out."
                )
            if os.path.realpath(path) in inputs:
                raise UsageError(f"{path} is an input and would be replaced; choose another --out.")
    return items


def _renamed(name: PurePosixPath, ending: str, folder: Path | None) -> PurePosixPath:
    """The same name with another ending; cut where it would become too long for the file system."""
    from shufflecam.core.files import name_that_fits

    return name.with_name(name_that_fits(folder or Path(), name.stem, ending))


def check_outputs(items: Sequence[Item], overwrite: bool) -> None:
    """Make the folders, and look whether anything is there that may not be replaced.

    Raises:
        OutputError: it is, or a folder cannot be made or written.
    """
    from shufflecam.core.files import check_writable, is_there

    if not overwrite:
        for path in (path for item in items for path in item.outputs):
            if is_there(path):
                raise OutputError(
                    f"{path} exists already; add --skip-existing to go on with the others, or --overwrite."
                )
    for folder in {path.parent for item in items for path in item.outputs}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Cannot make the folder {folder}: {reason(error)}; choose another.") from error
        check_writable(folder / f".shufflecam-{os.getpid()}", overwrite=True)


def part_of(path: Path) -> Path:
    """Where an output is written until it is whole."""
    from shufflecam.core.files import name_that_fits

    return path.with_name(name_that_fits(path.parent, path.stem, f".part{path.suffix}"))


def work_on(item: Item, job: VideoJob, finder_options: FinderOptions, send: Send) -> Report:
    """One video, from its source to its outputs' names. Raises nothing that is its own fault.

    Args:
        item: what to read and write.
        job: everything else of the run; its `source`, `out` and `json_target` do not count.
        finder_options: the networks.
        send: takes ("total", frames), ("at", frame, text) and ("note", text) as it goes.
    """
    from shufflecam.cli.commands.video import process_video

    parts = [(part_of(path), path) for path in item.outputs]
    began = time.monotonic()
    one = replace(
        job,
        source=item.source,
        out=None if item.out is None else part_of(item.out),
        json_target=None if item.record is None else str(part_of(item.record)),
        overwrite=True,
    )

    def report(state: str, reason: str = "", **more: Any) -> Report:
        return Report(item, state, seconds=time.monotonic() - began, reason=reason, **more)

    try:
        with _folder_for(item, job.record_format):
            outcome = process_video(one, finder_options, SendingTalk(send=send))
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
def _folder_for(item: Item, record_format: str) -> Iterator[None]:
    """OpenPose's record is a folder, and as such to be there: its name may end as a file's does."""
    if item.record is None or record_format != "openpose":
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
class SendingTalk(Talk):
    """A terminal for one video of many: what it has to say goes to whoever shows all of them."""

    send: Send = lambda event: None

    def say(self, text: str, *, as_is: bool = False) -> None:
        """Nothing: the summary at the end says it."""

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


class _SendingMeter(Meter):
    def __init__(self, send: Send) -> None:
        super().__init__(None, None)
        self._send, self._done, self._next_s = send, 0, 0.0

    def advance(self, info: str = "") -> None:
        self._done += 1
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + EVENT_EVERY_S
            self._send(("at", self._done, info))


def run_one_by_one(
    items: Sequence[Item], job: VideoJob, finder_options: FinderOptions, on_event: Callable[..., None]
) -> Iterator[Report]:
    """Each video in turn, in this process. A signal ends the run after the current one was closed."""
    from shufflecam.pipeline.run import stop_on_signals

    with stop_on_signals() as stop:
        stop.writing = True  # between two videos a signal is noted as well
        for item in items:
            if stop:
                yield Report(item, STOPPED, reason="stopped")
                return

            def send(event: tuple[Any, ...], item: Item = item) -> None:
                on_event(item, event)

            report = work_on(item, job, finder_options, send)
            yield report
            if report.state == STOPPED:
                return


def finish(reports: Sequence[Report], planned: int, *, told: bool = False) -> None:
    """Turn what came of a run into its exit code.

    Args:
        reports: what came of each video.
        planned: how many videos there are.
        told: every video's reason was said already, and is not said again.

    Raises:
        Interrupted: it was stopped.
        WeightsError, UsageError: every video failed for the same reason.
        SourceError: not one of the videos could be opened.
        SourceBrokeOff: some failed or were cut short (exit code 5).
    """
    bad = [report for report in reports if report.state in (FAILED, CUT_SHORT)]
    if any(report.state == STOPPED for report in reports):
        done = sum(report.state == DONE for report in reports)
        raise Interrupted(
            f"stopped after {done} of {counted(planned, 'video')}; run it again with --skip-existing"
        )
    if bad and len(bad) == len(reports):
        if bad[0].fatal is not None:
            raise bad[0].fatal
        if all(report.unreadable for report in bad):
            why = "see above why." if told else f"the first: {bad[0].reason}"
            none = f"None of {len(bad)} videos can" if len(bad) > 1 else "The video cannot"
            raise SourceError(f"{none} be read; {why}")
    if bad:
        why = "see above why." if told else f"the first, {bad[0].item.name}: {bad[0].reason}"
        raise SourceBrokeOff(f"{len(bad)} of {counted(planned, 'video')} {are(len(bad))} not whole; {why}")


def skip_existing(items: Iterable[Item]) -> tuple[list[Item], list[Report]]:
    """What is left to do, and reports of the videos all of whose outputs are there (and so whole)."""
    left, skipped = [], []
    for item in items:
        if all(map(os.path.exists, item.outputs)):
            skipped.append(Report(item, SKIPPED))
        else:
            left.append(item)
    return left, skipped
