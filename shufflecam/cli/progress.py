"""Progress of a batch of videos: one bar per video, an overall bar, and a summary table at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from shufflecam.cli.console import Terminal
from shufflecam.core.errors import UsageError
from shufflecam.core.words import counted
from shufflecam.jobs.batch.plan import (
    DONE,
    SKIPPED,
    Item,
    Report,
    part_of,
    plan,
)
from shufflecam.jobs.batch.run import BatchOptions, Runner, check_many, finish, run_batch, run_one_by_one
from shufflecam.pipeline.stop import stop_on_signals

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from shufflecam.finder.settings import FinderSettings
    from shufflecam.jobs.video import VideoJob
    from shufflecam.sources.paths import PicturePath

NOT_BEGUN = "not begun"

COLORS = {DONE: "green", SKIPPED: "dim"}


def run_many(
    sources: Sequence[str], job: VideoJob, finder_options: FinderSettings, many: BatchOptions, talk: Terminal
) -> None:
    """Find the input videos and process them; raises as `run_batch` does."""
    from shufflecam.sources.paths import VIDEO, find_files

    if "-" in sources:
        raise UsageError("Standard input is one video; give --out a file, or the videos as files.")
    check_many(job, finder_options)
    if many.cluster is not None:
        from shufflecam.jobs.batch.cluster import load_ray, run_on_ray

        load_ray()
    found = find_files(sources, many.recursive, VIDEO, besides=job.out or job.record.path)
    run: Runner = run_one_by_one
    if many.cluster is not None:
        run = partial(run_on_ray, address=many.ray_address)
    elif many.jobs > 1:
        from shufflecam.jobs.batch.processes import run_in_processes

        run = partial(run_in_processes, jobs=many.jobs)
    skip = many.skip_existing or many.cluster is not None
    show_batch(found, job, finder_options, talk, skip=skip, run=run)


def show_batch(
    found: Sequence[PicturePath],
    job: VideoJob,
    finder_options: FinderSettings,
    talk: Terminal,
    *,
    skip: bool = False,
    run: Runner = run_one_by_one,
) -> None:
    """Process many videos and report the results; raises as `run_batch` and `finish` do."""
    items = plan(found, job.out, job.record, job.encoding.codec)
    show = partial(_overview, talk)
    with stop_on_signals() as stop:
        reports = run_batch(items, job, finder_options, show, skip=skip, run=run, stop=stop)
    talk.table(summary(reports, items))
    for remark in remarks(reports, reasons=talk.console.is_terminal):
        talk.say(remark)
    done = sum(report.state == DONE for report in reports)
    places = dict.fromkeys(str(place) for place in (job.out, job.record.path) if place is not None)
    there = sum(report.state == SKIPPED for report in reports)
    before = f", {there} were there already" if there else ""
    talk.say(f"{done} of {counted(len(items), 'video')} done{before} -> {', '.join(places)}")
    finish(reports, len(items), told=not talk.quiet)


def summary(reports: Sequence[Report], items: Sequence[Item]) -> Any:
    """Return the summary table, in the order of the inputs; it includes videos not started."""
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    # In a narrow terminal names wrap and headers break between words, so that no number is truncated.
    table.add_column("video", overflow="fold", min_width=12)
    table.add_column("result", min_width=7)
    for column, least in (("frames", 6), ("with people", 6), ("fps", 5)):
        table.add_column(column, justify="right", min_width=least)
    by_item = {report.item: report for report in reports}
    for item in items:
        report = by_item.get(item, Report(item, NOT_BEGUN))
        color = COLORS.get(report.state, "red")
        rate = f"{report.frames / report.seconds:.1f}" if report.seconds and report.frames else ""
        table.add_row(
            escape(item.name),
            f"[{color}]{report.state}[/]",
            str(report.frames or ""),
            str(report.people) if report.frames else "",
            rate,
        )
    return table


def remarks(reports: Sequence[Report], *, reasons: bool = True) -> list[str]:
    """Return one line per incomplete video: the reason, and the partial outputs.

    They are printed below the table, since sentences and paths do not fit into a column. `reasons` is False
    where the reasons were reported already, as each video ended without a progress bar.
    """
    lines = []
    for report in reports:
        if report.state in (DONE, SKIPPED):
            continue
        parts = [str(part) for part in map(part_of, report.item.outputs) if part.exists()]
        said = [report.reason] if reasons and report.reason not in ("", report.state) else []
        said += [f"So far: {', '.join(parts)}"] if parts else []
        if said:
            lines.append(f"{report.item.name}: {' '.join(said)}")
    return lines


@contextmanager
def _overview(talk: Terminal, items: Sequence[Item]) -> Iterator[_Overview]:
    if talk.quiet or not talk.console.is_terminal or not items:
        yield _Overview(talk, None, items)
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}", style="progress.description", markup=False),
        bars.BarColumn(),
        bars.TextColumn("{task.fields[count]}", markup=False),
        bars.TextColumn("{task.fields[rate]}", markup=False),
        bars.TimeRemainingColumn(),
        bars.TextColumn("{task.fields[info]}", markup=False),
    )
    with bars.Progress(*columns, console=talk.console, transient=True) as progress:
        yield _Overview(talk, progress, items)


class _Overview:
    """Displays events and reports; the overall bar counts input bytes, for a realistic time left."""

    def __init__(self, talk: Terminal, progress: Progress | None, items: Sequence[Item]) -> None:
        self._talk, self._progress, self._count = talk, progress, len(items)
        self._ended = 0
        self._bytes_ended = 0
        self._said: set[str] = set()
        self._tasks: dict[Item, TaskID] = {}
        self._all: TaskID | None = None
        if progress is not None:
            total = sum(item.bytes for item in items)
            self._all = progress.add_task("all", total=total, count=f"0/{len(items)}", rate="", info="")

    def take(self, item: Item, event: tuple[Any, ...]) -> None:
        """Handle an event of a running video: ("total", frames), ("at", frame, text) or ("note", text)."""
        if event[0] == "note":
            if event[1] not in self._said:  # every video would repeat the same note
                self._said.add(event[1])
                self._talk.note(event[1])
            return
        if self._progress is None:
            return
        if event[0] == "total":
            self._drop(item)  # a second pass (--smooth offline) starts over
            self._tasks[item] = self._progress.add_task(item.name, total=event[1], count="", rate="", info="")
        elif item in self._tasks:
            task = self._progress.tasks[self._progress.task_ids.index(self._tasks[item])]
            rate = f"{task.speed:.1f} fps" if task.speed else ""
            count = f"{event[1]}/{task.total or '?':.0f}" if task.total else str(event[1])
            self._progress.update(task.id, completed=event[1], count=count, rate=rate, info=event[2])
            self._move()

    def end(self, report: Report) -> None:
        """Report the end of one video, successful or not."""
        self._ended += 1
        self._bytes_ended += report.item.bytes
        self._drop(report.item)
        self._move()
        if self._progress is None:
            why = f": {report.reason}" if report.reason not in ("", report.state) else ""
            told = counted(report.frames, "frame") if report.state == DONE else f"{report.state}{why}"
            self._talk.say(f"[{self._ended}/{self._count}] {report.item.name}: {told}")

    def _drop(self, item: Item) -> None:
        if self._progress is not None and item in self._tasks:
            self._progress.remove_task(self._tasks.pop(item))

    def _move(self) -> None:
        if self._progress is None or self._all is None:
            return
        done = float(self._bytes_ended)
        tasks = {task.id: task for task in self._progress.tasks}
        for item, number in self._tasks.items():
            task = tasks[number]
            if task.total:
                done += item.bytes * min(1.0, task.completed / task.total)
        self._progress.update(self._all, completed=done, count=f"{self._ended}/{self._count}")
