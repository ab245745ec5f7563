"""Draws a saved record into its video again."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import SourceBrokeOff, UsageError
from shufflecam.core.reporting import Reporter
from shufflecam.core.words import counted
from shufflecam.drawing.drawer import chosen_drawer
from shufflecam.media.encoding import DEFAULT_ENCODING, Encoding
from shufflecam.pipeline.stop import StopRequest, or_never
from shufflecam.sources.limits import MAX_PIXELS

if TYPE_CHECKING:
    from shufflecam.core.types import Frame, FrameResult
    from shufflecam.drawing.look import Look
    from shufflecam.pipeline.run import Outcome
    from shufflecam.records.reader import SavedRecord
    from shufflecam.sources.pixels.deinterlace import Mode
    from shufflecam.sources.video.source import VideoSource

SAME_TIME_S = 0.001
"""A record's times are rounded to microseconds; distinct frames are never this close."""


@dataclass(frozen=True)
class RedrawJob:
    """Inputs, look and output of a run of `render`."""

    video: str
    poses: Path
    """The record: .json or .jsonl."""
    out: Path
    look: Look
    people: frozenset[int] = frozenset()
    """The ids of the people to draw; empty: all."""
    encoding: Encoding = DEFAULT_ENCODING
    max_pixels: int = MAX_PIXELS
    deinterlace: Mode = "auto"
    overwrite: bool = False


def draw_again(job: RedrawJob, talk: Reporter, stop: StopRequest | None = None) -> Outcome:
    """Draw a record into its video, report a summary and return the outcome.

    An early end is reported by `Outcome.check` alone.

    Args:
        job: inputs, look and output.
        talk: receives notes, progress and the summary.
        stop: ends the run early with its output complete; None: it cannot be stopped.

    Raises:
        UsageError, SourceError, OutputError: in this order, before anything is written.
        Interrupted: stopped before anything was written.
    """
    from shufflecam.core.files import check_writable, refuse_same_file
    from shufflecam.core.stats import Stats
    from shufflecam.drawing.look import look_through
    from shufflecam.jobs.outputs import claimed, written_to
    from shufflecam.media.drawn import DrawnVideoSink
    from shufflecam.media.video import VideoWriter
    from shufflecam.pipeline.background import BackgroundSink
    from shufflecam.pipeline.pipeline import Pipeline
    from shufflecam.pipeline.run import run_pipeline
    from shufflecam.records.open import read_record

    job.encoding.check(job.out)
    refuse_same_file(job.out, job.video, "--out")
    refuse_same_file(job.out, str(job.poses), "--out")
    stop = or_never(stop)
    with stop.scope(), ExitStack() as stack:
        saved = read_record(job.poses)
        _check_people(job.people, saved)
        source = open_recorded(job.video, saved, job.max_pixels, job.deinterlace)
        try:
            stack.enter_context(claimed(job.out))
            check_writable(job.out, job.overwrite)
            for note in source.info.notes:
                talk.note(note)
            saved_poses = SavedPoses(saved, job.video)
            stop.begin_writing()
            hints = source.encoding_hints() | {"encoding": job.encoding, "overwrite": job.overwrite}
            sound = source.open_sound() if job.encoding.audio else None
            writer = VideoWriter(job.out, sound=sound, **hints)
            look = look_through(job.look, _seen(saved)) or job.look
            draw = chosen_drawer(saved.skeleton, look, job.people)
            with talk.progress(Path(job.video).name, source.info.frames) as meter:
                outcome = run_pipeline(
                    Pipeline(source, saved_poses.find, Stats()),
                    [BackgroundSink(DrawnVideoSink(writer, draw))],
                    stop,
                    on_result=lambda result: meter.advance(counted(len(result.poses), "person")),
                    missing=lambda: source.missing,
                )
        finally:
            source.close()
    if outcome.complete:
        outcome.broke_off = saved_poses.what_is_left()
    if source.mended is not None:
        talk.note(source.mended)
    rate = outcome.frames / outcome.seconds if outcome.seconds else 0.0
    talk.say(f"{counted(outcome.frames, 'frame')} at {rate:.1f} fps{written_to(job.out)}")
    return outcome


def _check_people(wanted: frozenset[int], saved: SavedRecord) -> None:
    """Raise UsageError if a person to draw is not in the record, which is read for this."""
    missing = set(wanted)
    there: set[int] = set()
    for result in saved.results() if wanted else ():
        there |= {pose.track_id for pose in result.poses if pose.track_id is not None}
        missing -= there
        if not missing:
            return
    if missing:
        has = f"it has {', '.join(map(str, sorted(there)))}" if there else "nobody in it is tracked"
        raise UsageError(f"{saved.path} has no person {min(missing)}; {has}.")


def _seen(saved: SavedRecord) -> dict[str, Any]:
    """Return the header's --rotate, if it is a valid one."""
    view = saved.header.get("view")
    rotate = view.get("rotate") if isinstance(view, dict) else None
    return {"view": {"rotate": rotate}} if rotate in (90, 180, 270) else {}


def open_recorded(video: str, saved: SavedRecord, max_pixels: int, deinterlace: Mode = "auto") -> VideoSource:
    """Open the part of the video that was recorded.

    Raises:
        UsageError: the record was made from something else.
        SourceError: the video cannot be opened.
    """
    from shufflecam.sources.video.source import open_video

    said = saved.header["source"]
    if said.get("kind") != "video":
        raise UsageError(
            f"{saved.path} is a record of {said.get('kind')}, not of a video file: there is nothing to draw "
            "it into again."
        )
    start_s, end_s, step = cut_of(saved)
    opened = partial(
        open_video, video, start_s, end_s, step=step, max_pixels=max_pixels, deinterlace=deinterlace
    )
    source = opened()
    try:
        _check_same(source, saved, video)
        with closing(opened()) as again:
            for frame in again.frames():
                SavedPoses(saved, video).find(frame)
                break
    except SourceBrokeOff:
        pass  # a record without frames: the run itself reports it
    except BaseException:
        source.close()
        raise
    return source


def cut_of(saved: SavedRecord) -> tuple[float | None, float | None, int]:
    """Return `--start`, `--end` and `--step` of the run that made the record, as far as its header tells."""
    cut = saved.header.get("cut")
    cut = cut if isinstance(cut, dict) else {}
    try:
        start_s, end_s = (None if cut.get(k) is None else float(cut[k]) for k in ("start", "end"))
        step = int(cut.get("step") or 1)
        if step < 1:
            raise ValueError(step)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(
            f"{saved.path} says in its header that it is of the part {cut!r}, which cannot be."
        ) from None
    return start_s, end_s, step


def _check_same(source: VideoSource, saved: SavedRecord, video: str) -> None:
    """Raise UsageError if size or length show that the record is another video's."""
    size, now = saved.size, source.info.size
    if size is not None and now is not None and size != now:
        raise UsageError(
            f"{saved.path} is the record of another video: its pictures are {size[0]}x{size[1]}, those of "
            f"{video} {now[0]}x{now[1]}."
        )
    then = saved.header["source"].get("frames")
    frames = source.info.frames
    # Frame counts of containers are slightly off: the frame times, compared one by one, are decisive.
    if isinstance(then, int) and frames is not None and abs(then - frames) > max(2, 0.01 * frames):
        raise UsageError(
            f"{saved.path} is the record of another video: that one has {counted(then, 'frame')}, {video} "
            f"{frames}."
        )


class SavedPoses:
    """Replaces the networks: returns each frame with the people recorded for it."""

    def __init__(self, saved: SavedRecord, video: str) -> None:
        self._saved, self._video = saved, video
        self._cut: list[str] = []
        self._results = saved.results(on_cut=self._cut.append)
        self._given = 0

    def find(self, frame: Frame) -> FrameResult:
        """Return the frame with its people.

        Raises:
            UsageError: the record has no frame at this time, so it is another video's.
            SourceBrokeOff: the record has ended.
        """
        recorded = next(self._results, None)
        if recorded is None:
            why = self._cut[0] if self._cut else f"{self._saved.path} has {counted(self._given, 'frame')}"
            raise SourceBrokeOff(f"{why}, and {self._video} goes on; the output ends with the record.")
        if abs(recorded.frame.timestamp_s - frame.timestamp_s) > SAME_TIME_S:
            raise UsageError(
                f"{self._saved.path} is the record of another video: its frame {recorded.frame.index} is at "
                f"{recorded.frame.timestamp_s:.3f} s, that of {self._video} at {frame.timestamp_s:.3f} s."
            )
        self._given += 1
        return replace(recorded, frame=frame)

    def what_is_left(self) -> SourceBrokeOff | None:
        """Return an error if the record continues after the video's end."""
        if next(self._results, None) is None:
            return None
        return SourceBrokeOff(
            f"{self._video} ends after {counted(self._given, 'frame')}, and {self._saved.path} goes on; is "
            "the video cut short, or the record of another one?"
        )
