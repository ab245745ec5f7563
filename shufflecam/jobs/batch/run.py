"""Runs a batch of videos, one after the other by default, and determines its outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from shufflecam.core.errors import (
    Interrupted,
    SourceBrokeOff,
    SourceError,
    UsageError,
)
from shufflecam.core.words import are, counted
from shufflecam.jobs.batch.plan import (
    CUT_SHORT,
    DONE,
    FAILED,
    STOPPED,
    Item,
    Report,
    check_outputs,
    skip_existing,
)
from shufflecam.jobs.batch.work import work_on
from shufflecam.jobs.outputs import claimed
from shufflecam.pipeline.stop import StopRequest, or_never

if TYPE_CHECKING:
    from shufflecam.finder.settings import FinderSettings
    from shufflecam.jobs.video import VideoJob


def run_one_by_one(
    items: Sequence[Item],
    job: VideoJob,
    finder_options: FinderSettings,
    on_event: Callable[..., None],
    stop: StopRequest,
) -> Iterator[Report]:
    """Process the videos in turn, in this thread. `stop` ends the run once the current one is closed."""
    with stop.scope():
        stop.begin_writing()  # a signal between two videos is only recorded as well
        for item in items:
            if stop:
                yield Report(item, STOPPED, reason="stopped")
                return

            def send(event: tuple[Any, ...], item: Item = item) -> None:
                on_event(item, event)

            report = work_on(item, job, finder_options, send, stop)
            yield report
            if report.state == STOPPED:
                return


def finish(reports: Sequence[Report], planned: int, *, told: bool = False) -> None:
    """Raise the error that corresponds to a batch's outcome and exit code, unless it succeeded.

    Args:
        reports: the outcome for each video.
        planned: the number of videos.
        told: whether each video's reason was already reported, and is not repeated.

    Raises:
        Interrupted: it was stopped.
        WeightsError, UsageError: every video failed for the same reason.
        SourceError: none of the videos could be opened.
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


Runner = Callable[
    [Sequence[Item], "VideoJob", "FinderSettings", Callable[..., None], StopRequest], Iterator[Report]
]


@dataclass(frozen=True)
class BatchOptions:
    """How the videos of a batch are selected and processed."""

    recursive: bool
    skip_existing: bool
    jobs: int
    cluster: str | None
    ray_address: str | None

    @classmethod
    def pop_from(cls, options: dict[str, Any]) -> BatchOptions:
        """Pop this class's options from a command's keyword arguments. Raises UsageError."""
        many = cls(**{name: options.pop(name) for name in cls.__dataclass_fields__})
        if many.ray_address is not None and many.cluster is None:
            raise UsageError("--ray-address says where the cluster is; add --cluster ray.")
        if many.cluster is not None and many.jobs > 1:
            raise UsageError("--jobs is for this machine; the cluster uses all the cores that it has.")
        return many

    @property
    def is_asked_for(self) -> bool:
        """Whether an option was given that makes no sense for a single video."""
        return self.skip_existing or self.jobs > 1 or self.cluster is not None


class BatchView(Protocol):
    """Shows a batch during processing."""

    def take(self, item: Item, event: tuple[Any, ...]) -> None:
        """Show ("total", frames), ("at", frame, text) or ("note", text) of a video in progress."""
        ...

    def end(self, report: Report) -> None:
        """Show that a video is finished, in whatever state."""
        ...


def run_batch(
    items: Sequence[Item],
    job: VideoJob,
    finder_options: FinderSettings,
    show: Callable[[Sequence[Item]], AbstractContextManager[BatchView]],
    *,
    skip: bool = False,
    run: Runner = run_one_by_one,
    stop: StopRequest | None = None,
) -> list[Report]:
    """Process a batch of videos.

    Args:
        items: what `plan` made of the inputs.
        job: everything else of the run.
        finder_options: the networks.
        show: opens the view of the remaining videos.
        skip: skip videos whose outputs already exist.
        run: the runner: one by one, in processes, on a cluster.
        stop: ends the run early with its outputs complete; None: it cannot be stopped.

    Returns:
        The report on each video, in the order of the items; for a stopped run, on those started.

    Raises:
        UsageError, OutputError: before anything is written.
        Interrupted: stopped before anything was written.
    """
    left, reports = skip_existing(items) if skip and not job.overwrite else (list(items), [])
    with claimed(*(path for item in left for path in item.outputs)), show(left) as view:
        check_outputs(left, job.overwrite or skip)
        for report in run(left, replace(job, overwrite=True), finder_options, view.take, or_never(stop)):
            view.end(report)
            reports.append(report)
    order = {item: number for number, item in enumerate(items)}
    reports.sort(key=lambda report: order[report.item])  # concurrent ones finish in any order
    return reports


def check_many(job: VideoJob, finder_options: FinderSettings) -> None:
    """Raise UsageError if the options are invalid for several videos."""
    from shufflecam.media.encoding import VIDEO_EXTENSIONS

    if job.out is None and not job.record.wanted:
        raise UsageError("Nothing is asked to be written; add --out DIR, or --json DIR, or both.")
    if job.out is not None and not job.out.is_dir():
        if job.out.exists():
            raise UsageError(f"--out {job.out} is a file; several videos need a folder there.")
        if job.out.suffix.lower() in VIDEO_EXTENSIONS:
            raise UsageError(f"--out {job.out} names one file; several videos need a folder there.")
    job.record.check_folder()
    if job.out is not None:
        job.encoding.check()
    if finder_options.boxes is not None:
        raise UsageError("--boxes are those of one video; run each video with its own.")
