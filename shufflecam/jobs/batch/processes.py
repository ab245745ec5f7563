"""`video --jobs N`: a process per video, N at a time, so that a crash affects only its own video."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from shufflecam.jobs.batch.plan import FAILED, STOPPED, Item, Report
from shufflecam.jobs.batch.work import work_on
from shufflecam.pipeline.stop import StopRequest, stop_on_signals

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from shufflecam.finder.settings import FinderSettings
    from shufflecam.jobs.video import VideoJob

LOOK_EVERY_S = 0.2
"""Longest time the parent waits before it checks for a stop request."""

FOR_THE_PARENT = ("SIGINT", "SIGHUP")
"""Signals that a terminal sends to every process of a command; the parent forwards them to the children."""


@dataclass
class _Worker:
    item: Item
    process: BaseProcess
    connection: Connection
    report: Report | None = None
    told: bool = False
    """Whether it was asked to stop: a second request would end it without closing anything."""


def run_in_processes(
    items: Sequence[Item],
    job: VideoJob,
    finder_options: FinderSettings,
    on_event: Callable[..., None],
    stop: StopRequest,
    *,
    jobs: int,
) -> Iterator[Report]:
    """Process `jobs` videos at a time; yield reports as they finish. `stop` ends all, outputs are closed."""
    waiting = list(items)
    running: list[_Worker] = []
    fatal = False
    with stop.scope(), _share_of_cores(jobs):
        stop.begin_writing()
        try:
            while running or (waiting and not stop and not fatal):
                while waiting and len(running) < jobs and not stop and not fatal:
                    running.append(_start(waiting.pop(0), job, finder_options))
                _listen(running, on_event)
                if stop:
                    _ask_to_stop(running)
                for worker in [worker for worker in running if not worker.process.is_alive()]:
                    running.remove(worker)
                    report = _last_words(worker, on_event, stop)
                    fatal = fatal or report.fatal is not None
                    yield report
            if stop and waiting:
                yield Report(waiting[0], STOPPED, reason="stopped")
        finally:
            _ask_to_stop(running)
            for worker in running:
                worker.process.join()


def _start(item: Item, job: VideoJob, finder_options: FinderSettings) -> _Worker:
    # spawn: a fork of a process with threads (OpenVINO's, OpenCV's) may hang.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, item, job, finder_options), daemon=True)
    with _blocked(FOR_THE_PARENT):
        process.start()
    theirs.close()
    return _Worker(item, process, ours)


@contextmanager
def _blocked(names: tuple[str, ...]) -> Iterator[None]:
    """Block signals: a child that is just starting has no handler for them yet."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Its first start would unblock SIGINT again (CPython 3.11).
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name) for name in names})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _share_of_cores(jobs: int) -> Iterator[None]:
    """Assign each child its share of the cores, unless the user has set it."""
    from shufflecam.engines.cpu import physical_cores

    before = os.environ.get("OMP_NUM_THREADS")
    if before is None:
        os.environ["OMP_NUM_THREADS"] = str(max(1, physical_cores() // jobs))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)


def _work(connection: Connection, item: Item, job: VideoJob, finder_options: FinderSettings) -> None:
    """Run in a child process. Only the parent asks it to stop: a second signal would kill it at once."""
    for name in FOR_THE_PARENT:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)

    def send(event: tuple[Any, ...]) -> None:
        with suppress(OSError):  # the parent has died: finish the video anyway
            connection.send(event)

    with stop_on_signals() as stop:
        send(("report", work_on(item, job, finder_options, send, stop)))


def _listen(running: Sequence[_Worker], on_event: Callable[..., None]) -> None:
    """Process the children's messages, waiting briefly if there are none."""
    ready = wait(
        [worker.connection for worker in running if not worker.connection.closed]
        + [worker.process.sentinel for worker in running],
        LOOK_EVERY_S,
    )
    for worker in running:
        if worker.connection in ready:
            _take(worker, on_event)


def _take(worker: _Worker, on_event: Callable[..., None]) -> bool:
    """Process one message; returns False at the end of the connection."""
    try:
        event = worker.connection.recv()
    except (EOFError, OSError):
        worker.connection.close()
        return False
    if event[0] == "report":
        worker.report = event[1]
    else:
        on_event(worker.item, event)
    return True


def _last_words(worker: _Worker, on_event: Callable[..., None], stop: StopRequest) -> Report:
    while not worker.connection.closed and worker.connection.poll():
        if not _take(worker, on_event):
            break
    worker.process.join()
    if not worker.connection.closed:
        worker.connection.close()
    if worker.report is not None:
        return worker.report
    if stop:
        return Report(worker.item, STOPPED, reason="stopped")
    code = worker.process.exitcode
    return Report(worker.item, FAILED, reason=f"the process that worked on it ended with {code}.")


def _ask_to_stop(running: Sequence[_Worker]) -> None:
    for worker in running:
        if not worker.told:
            worker.told = True
            worker.process.terminate()
