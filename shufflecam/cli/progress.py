"""Many videos as a person sees them: a bar for each and one for all, and a table at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

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


def many_options(command: Any) -> Any:
    """What `BatchOptions` takes."""
    for option in (
        click.option(
            "--ray-address",
            metavar="ADDRESS",
            help="Of the cluster (auto, HOST:PORT); else RAY_ADDRESS, else this machine alone.",
        ),
        click.option(
            "--cluster",
            type=click.Choice(["ray"]),
            help="With --out DIR: spread the videos over a Ray cluster; what is there already is left out.",
        ),
        click.option(
            "--jobs",
            metavar="N",
            type=click.IntRange(1, 256),
            default=1,
            show_default=True,
            help="With --out DIR: work on N videos at a time.",
        ),
        click.option(
            "--skip-existing", is_flag=True, help="With --out DIR: leave out what is there already."
        ),
        click.option("--recursive", is_flag=True, help="Folders with everything below them."),
    ):
        command = option(command)
    return command


def run_many(
    sources: Sequence[str], job: VideoJob, finder_options: FinderSettings, many: BatchOptions, talk: Terminal
) -> None:
    """Find the videos and work on them; errors as in `run_batch`."""
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
    """Work on many videos, and say what came of them; errors as in `run_batch` and `finish`."""
    items = plan(found, job.out, job.record, job.codec)
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
    """The table at the end, in the order of the inputs; videos that were not begun are in it too."""
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    # In a narrow terminal the name folds and the headers break between words, before a figure loses a digit.
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
    """A line under the table for each video that is not whole: why, and what there is of it so far.

    Sentences and paths need more room than a column of the table has. `reasons` were said already where
    nobody sees a bar.
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
    """Takes events and reports; the bar of all counts bytes of input, so that its time left is fair."""

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
        """("total", frames), ("at", frame, text) or ("note", text) of a video that is worked on."""
        if event[0] == "note":
            if event[1] not in self._said:  # each video would say the same
                self._said.add(event[1])
                self._talk.note(event[1])
            return
        if self._progress is None:
            return
        if event[0] == "total":
            self._drop(item)  # a second reading (--smooth offline) begins anew
            self._tasks[item] = self._progress.add_task(item.name, total=event[1], count="", rate="", info="")
        elif item in self._tasks:
            task = self._progress.tasks[self._progress.task_ids.index(self._tasks[item])]
            rate = f"{task.speed:.1f} fps" if task.speed else ""
            count = f"{event[1]}/{task.total or '?':.0f}" if task.total else str(event[1])
            self._progress.update(task.id, completed=event[1], count=count, rate=rate, info=event[2])
            self._move()

    def end(self, report: Report) -> None:
        """One video is through, one way or another."""
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
