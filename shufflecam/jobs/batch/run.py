"""Many videos, one after the other, and the run's outcome."""

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
    """Each video in turn, in this thread. `stop` ends the run after the current one was closed."""
    with stop.scope():
        stop.begin_writing()  # between two videos a signal is only noted as well
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


Runner = Callable[
    [Sequence[Item], "VideoJob", "FinderSettings", Callable[..., None], StopRequest], Iterator[Report]
]


@dataclass(frozen=True)
class BatchOptions:
    """How many videos are worked on."""

    recursive: bool
    skip_existing: bool
    jobs: int
    cluster: str | None
    ray_address: str | None

    @classmethod
    def pop_from(cls, options: dict[str, Any]) -> BatchOptions:
        """Remove this class's options from a command's keyword arguments. Raises UsageError."""
        many = cls(**{name: options.pop(name) for name in cls.__dataclass_fields__})
        if many.ray_address is not None and many.cluster is None:
            raise UsageError("--ray-address says where the cluster is; add --cluster ray.")
        if many.cluster is not None and many.jobs > 1:
            raise UsageError("--jobs is for this machine; the cluster uses all the cores that it has.")
        return many

    @property
    def is_asked_for(self) -> bool:
        """Whether anything was given that makes no sense for one video."""
        return self.skip_existing or self.jobs > 1 or self.cluster is not None


class BatchView(Protocol):
    """Shows a batch while it is worked on."""

    def take(self, item: Item, event: tuple[Any, ...]) -> None:
        """("total", frames), ("at", frame, text) or ("note", text) of a video that is worked on."""
        ...

    def end(self, report: Report) -> None:
        """One video is through, one way or another."""
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
    """Work on many videos.

    Args:
        items: what `plan` made of the inputs.
        job: everything else of the run.
        finder_options: the networks.
        show: opens what shows the videos that are left to do.
        skip: leave out what is there already.
        run: how: one by one, in processes, on a cluster.
        stop: ends the run early, its outputs whole; None: nobody does.

    Returns:
        What came of each video, in the order of the items; of a run that was stopped, of those begun.

    Raises:
        UsageError, OutputError: before anything is written.
        Interrupted: `stop` said so before anything was written.
    """
    left, reports = skip_existing(items) if skip and not job.overwrite else (list(items), [])
    with claimed(*(path for item in left for path in item.outputs)), show(left) as view:
        check_outputs(left, job.overwrite or skip)
        for report in run(left, replace(job, overwrite=True), finder_options, view.take, or_never(stop)):
            view.end(report)
            reports.append(report)
    order = {item: number for number, item in enumerate(items)}
    reports.sort(key=lambda report: order[report.item])  # several at a time end in any order
    return reports


def check_many(job: VideoJob, finder_options: FinderSettings) -> None:
    """What cannot be meant for many videos. Raises UsageError."""
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
