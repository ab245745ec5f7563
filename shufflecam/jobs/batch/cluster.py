"""`video --cluster ray`: distributes the videos of a run over the machines of a Ray cluster.

The machines see the same files under the same paths (a shared folder) and have shufflecam installed.
"""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import ShufflecamError, UsageError
from shufflecam.core.reasons import in_their_words, reason
from shufflecam.jobs.batch.plan import FAILED, STOPPED, Item, Report
from shufflecam.jobs.batch.work import work_on
from shufflecam.pipeline.stop import StopRequest, keeping_handlers, stop_on_signals

if TYPE_CHECKING:
    from shufflecam.finder.settings import FinderSettings
    from shufflecam.jobs.video import VideoJob

LOOK_EVERY_S = 0.5
"""Longest time the driver waits before it checks for a stop request."""

ANSWER_S = 5.0
"""Timeout for a first answer of the cluster."""

TRIES_AGAIN = 2
"""Number of retries for a video whose machine was lost; Ray's own default is 3."""


MACHINE_GONE = "a machine of the cluster went away; what it was working on is begun anew on another"


def run_on_ray(
    items: Sequence[Item],
    job: VideoJob,
    finder_options: FinderSettings,
    on_event: Callable[..., None],
    stop: StopRequest,
    *,
    address: str | None = None,
) -> Iterator[Report]:
    """Run a task per video; yield reports as they finish, in any order. `stop` ends all, outputs are closed.

    Args:
        items: the videos.
        job: as for `batch.work_on`.
        finder_options: the networks.
        on_event: called for notes only: progress within a task is not sent over the network.
        stop: checked between two reports.
        address: "auto", "host:port", "ray://host:port"; None: that of RAY_ADDRESS, otherwise a cluster of
            this machine alone.

    Raises:
        UsageError: Ray is not installed.
        ShufflecamError: there is no cluster at that address.
    """
    with redirect_stdout(_Said()) as said, _connected(address) as ray, stop.scope():
        stop.begin_writing()
        task = ray.remote(num_cpus=1, max_retries=TRIES_AGAIN)(_task)
        job, finder_options = replace(job, source=""), _with_whole_paths(finder_options)
        running = {task.remote(_absolute(item), job, finder_options): item for item in items}
        told, fatal = False, False
        while running:
            done, _ = ray.wait(list(running), timeout=LOOK_EVERY_S)
            if said.lost_machine:
                said.lost_machine = False
                on_event(items[0], ("note", MACHINE_GONE))  # reported once, however many are lost
            if (stop or fatal) and not told:
                told = True
                for reference in running:
                    ray.cancel(reference)  # a running task sees it as Ctrl-C
            for reference in done:
                item = running.pop(reference)
                report = _report(ray, reference, item, stopped=bool(stop))
                fatal = fatal or report.fatal is not None
                yield report


class _Said(io.TextIOBase):
    """Discards Ray's output: pages for a lost machine, on standard output, which is reserved for data."""

    lost_machine = False
    """Whether a machine was lost with a video that is retried, and this is not reported yet."""

    def write(self, text: str) -> int:
        """Discard the text, noting a lost machine."""
        self.lost_machine = self.lost_machine or "will be retried" in text
        return len(text)


def _task(item: Item, job: VideoJob, finder_options: FinderSettings) -> Report:
    """Run a task on a machine of the cluster. A signal (`ray.cancel`) asks it to stop."""
    with stop_on_signals() as stop:
        return work_on(item, job, finder_options, lambda event: None, stop)


def _report(ray: Any, reference: Any, item: Item, *, stopped: bool) -> Report:
    try:
        report: Report = ray.get(reference)
        return replace(report, item=item)
    except (ray.exceptions.TaskCancelledError, KeyboardInterrupt):
        return Report(item, STOPPED, reason="stopped")
    except ray.exceptions.RayError as error:
        if stopped:
            return Report(item, STOPPED, reason="stopped")
        return Report(item, FAILED, reason=f"its machine failed ({in_their_words(error)})")


def _absolute(item: Item) -> Item:
    """Return the item with absolute paths, as another process in another folder must read it."""
    return replace(
        item,
        source=os.path.abspath(item.source),
        out=None if item.out is None else Path(os.path.abspath(item.out)),
        record=None if item.record is None else Path(os.path.abspath(item.record)),
    )


def _with_whole_paths(options: FinderSettings) -> FinderSettings:
    from shufflecam.models.catalogue import looks_like_file

    detector = options.detector
    is_file = isinstance(detector, str) and looks_like_file(detector)
    return replace(
        options,
        weights=None if options.weights is None else Path(os.path.abspath(options.weights)),
        detector=os.path.abspath(str(detector)) if is_file else detector,
    )


def load_ray() -> Any:
    """Import and return ray. Raises UsageError if it is not installed."""
    try:
        with keeping_handlers():
            import ray
    except ImportError as error:
        raise UsageError("--cluster ray needs Ray; pip install 'shufflecam[ray]'.") from error
    return ray


def check_reachable(address: str) -> None:
    """Raise ShufflecamError if nothing listens at HOST:PORT: Ray itself retries for minutes, then aborts."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (colon and port.isdecimal() and int(port) < 1 << 16):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except OSError as error:
        raise ShufflecamError(
            f"There is no Ray cluster at {address} that answers ({reason(error)}); "
            "start one with ray start --head."
        ) from error


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    # No telemetry, Ray's usage statistics included.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the future default; otherwise it warns
    ray = load_ray()
    check_reachable(address or os.environ.get("RAY_ADDRESS", ""))
    try:
        local = {} if address or os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
        with keeping_handlers():
            ray.init(address, log_to_driver=False, logging_level="ERROR", **local)
    except Exception as error:  # Ray raises ConnectionError, ValueError, RuntimeError, ...
        where = f"at {address}" if address else "on this machine"
        raise ShufflecamError(
            f"There is no Ray cluster {where} that answers ({in_their_words(error)}); "
            "start one with ray start --head."
        ) from error
    try:
        yield ray
    finally:
        with suppress(Exception):
            ray.shutdown()
