"""The video job as a function: in any thread, stopped from another one, its figures kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from shufflecam.core.errors import Interrupted
from shufflecam.core.reporting import Meter, Quiet
from shufflecam.finder.settings import FinderSettings
from shufflecam.finder.view import View
from shufflecam.jobs.video import VideoJob, process_video
from shufflecam.pipeline.run import Outcome
from shufflecam.pipeline.stop import STOP_SIGNALS, StopRequest
from shufflecam.records.open import RecordTarget
from tests.cli.conftest import CLIP_FRAMES
from tests.faults.harness import whole_lines, write_video


@pytest.fixture
def settings(pose_weights: Path) -> FinderSettings:
    """A network that finds joints somewhere, and the whole picture for a person."""
    return FinderSettings(
        model="coco-256x192", weights=pose_weights, detector="none", boxes=None, det_conf=0.4, det_size=416,
        det_every=1, max_people=20, flip_test=False, decode="plain", backend="torch", device="cpu",
        track=True, smooth=True,
    )  # fmt: skip


class Running:
    """A job in a plain thread."""

    def __init__(self, work: Callable[[], Outcome]) -> None:
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self.thread.start()

    def _run(self, work: Callable[[], Outcome]) -> None:
        try:
            self.outcome = work()
        except BaseException as error:
            self.error = error

    def end(self) -> Outcome:
        """What came of it. Raises what the job raised."""
        self.thread.join(120)
        assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error
        assert self.outcome is not None
        return self.outcome


class Watched(Quiet):
    """Tells once a few frames are through."""

    def __init__(self, frames: int) -> None:
        self.under_way, self._left = threading.Event(), frames

    def advance(self, info: str = "") -> None:
        """One more."""
        self._left -= 1
        if self._left == 0:
            self.under_way.set()

    @contextmanager
    def progress(
        self, description: str, total: int | None, *, each: str = "frame", done: int = 0
    ) -> Iterator[Meter]:
        """The meter is this object itself."""
        yield self


def footer(record: Path) -> dict[str, Any]:
    """The footer of a record that is whole."""
    entries, rest = whole_lines(record)
    assert rest == 0
    assert [entry["type"] for entry in entries] == ["header", *["frame"] * (len(entries) - 2), "footer"]
    assert entries[-1]["frames"] == len(entries) - 2
    return entries[-1]


def test_in_a_thread_to_its_end(clip: Path, settings: FinderSettings, tmp_path: Path) -> None:
    job = VideoJob(str(clip), tmp_path / "out.mp4", RecordTarget(str(tmp_path / "out.jsonl")))
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    outcome = Running(lambda: process_video(job, settings, Quiet())).end()
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before
    assert (outcome.frames, outcome.check()) == (CLIP_FRAMES, outcome)
    assert footer(tmp_path / "out.jsonl")["complete"] is True


def test_stopped_from_another_thread(settings: FinderSettings, tmp_path: Path) -> None:
    long = write_video(tmp_path / "long.mp4", 3600)  # two minutes: longer than this test takes
    job = VideoJob(str(long), tmp_path / "out.mp4", RecordTarget(str(tmp_path / "out.jsonl")))
    stop, watched = StopRequest(), Watched(3)
    running = Running(lambda: process_video(job, settings, watched, stop))
    assert watched.under_way.wait(120)
    stop.request()
    outcome = running.end()
    assert 3 <= outcome.frames < 3600
    assert (outcome.interrupted, outcome.with_people) == (True, outcome.frames)
    last = footer(tmp_path / "out.jsonl")
    assert (last["complete"], last["frames"]) == (False, outcome.frames)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == outcome.frames
    with pytest.raises(Interrupted, match=f"stopped after {outcome.frames} frames"):
        outcome.check()


def test_stopped_before_it_began(clip: Path, settings: FinderSettings, tmp_path: Path) -> None:
    job = VideoJob(str(clip), tmp_path / "out.mp4", RecordTarget(str(tmp_path / "out.jsonl")))
    stop = StopRequest()
    stop.request()
    with pytest.raises(Interrupted, match="before anything was written"):
        process_video(job, settings, Quiet(), stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("view", "smooth_offline"), [(View(rotate="auto"), False), (None, True)], ids=["rotate", "smooth"]
)
def test_stopped_in_the_preparation(
    view: View | None, smooth_offline: bool, clip: Path, settings: FinderSettings, tmp_path: Path
) -> None:
    """Without a signal nothing is torn off: the job sees it before it writes."""
    stop = StopRequest()

    class Asks(Watched):
        def note(self, text: str) -> None:
            stop.request()

        def advance(self, info: str = "") -> None:
            stop.request()

    record = RecordTarget(str(tmp_path / "out.jsonl"))
    job = VideoJob(str(clip), tmp_path / "out.mp4", record, smooth_offline=smooth_offline)
    settings = replace(settings, view=view)
    with pytest.raises(Interrupted, match="before anything was written"):
        process_video(job, settings, Asks(0), stop)
    assert list(tmp_path.iterdir()) == []
