"""A saved record written in another format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shufflecam.core.errors import UsageError
from shufflecam.core.files import refuse_same_file
from shufflecam.core.missing import Missing
from shufflecam.jobs.outputs import note_stored_pixels

if TYPE_CHECKING:
    from shufflecam.core.reporting import Reporter
    from shufflecam.core.types import FrameResult
    from shufflecam.records.image_ids import ImageIds
    from shufflecam.records.open import RecordSink
    from shufflecam.records.reader import SavedRecord


ENDINGS = {
    "shufflecam": (".json", ".jsonl"),
    "coco": (".json", ".jsonl"),
    "csv": (".csv",),
    "parquet": (".parquet",),
    "trc": (".trc",),
    "alphapose": (".json",),
    "openpose": (),
    "labelme": (),
}
"""Format -> what its file ends in; nothing: it is a folder."""


@dataclass(frozen=True)
class ConvertJob:
    """What one conversion reads and writes."""

    poses: Path
    kind: str
    """One of `ENDINGS`."""
    out: Path | None = None
    """None: standard output, where the format can go there."""
    angles: bool = False
    smoothed: bool | None = None
    """Which keypoints; None: those that the format usually has."""
    numbers: Callable[[], dict[str, int]] | None = None
    """coco: reads file name -> image_id of annotations, when all else is checked; None: by the names."""
    video: str | None = None
    """labelme: gives the pictures."""
    pixels_per_metre: float | None = None
    """trc: the scale; None: pixels."""
    overwrite: bool = False


@dataclass(frozen=True)
class Converted:
    """What came of it."""

    frames: int
    people: int
    """Poses in all of them."""
    words: str
    """Which keypoints were taken."""
    paths: tuple[Path | None, ...]
    """What was written."""
    numbered: bool
    """coco: whether the ids are of pictures, and not of a video's frames."""


def check_usage(job: ConvertJob) -> None:
    """Raise UsageError where the conversion cannot be meant."""
    kind, out, endings = job.kind, job.out, ENDINGS[job.kind]
    if out is None and kind not in ("shufflecam", "coco", "csv"):
        raise UsageError(f"--format {kind} cannot go to standard output; add --out.")
    if endings and out is not None and out.suffix.lower() not in endings:
        raise UsageError(f"--out {out}: --format {kind} writes a file that ends in {' or '.join(endings)}.")
    if job.angles and kind not in ("shufflecam", "csv", "parquet"):
        raise UsageError("--angles goes into shufflecam, csv and parquet; take one of these, or leave it.")
    if job.numbers is not None and kind != "coco":
        raise UsageError("--image-ids numbers the pictures of --format coco; leave it out.")
    if job.video is not None and kind != "labelme":
        raise UsageError("--video gives the pictures for --format labelme; leave it out.")
    if job.pixels_per_metre is not None and kind != "trc":
        raise UsageError("--pixels-per-metre is the scale of --format trc; leave it out.")
    refuse_same_file(out, str(job.poses), "--out")


def convert(job: ConvertJob, talk: Reporter) -> Converted:
    """Write a record in another format; one that a killed program left up to its last whole line.

    Raises:
        UsageError, SourceError, OutputError: before anything is written.
    """
    from shufflecam.records.choice import KeypointChoice
    from shufflecam.records.open import said_of_angles
    from shufflecam.records.reader import read_record

    check_usage(job)
    kind, out = job.kind, job.out
    saved = read_record(job.poses)
    note_stored_pixels(kind in ("csv", "parquet"), saved.pixel_aspect, talk)
    with ExitStack() as stack:
        source = None if job.video is None else stack.enter_context(_recorded(job.video, saved))
        ids = _image_ids(saved, job.numbers) if kind == "coco" else None
        if ids is not None and (said := ids.said()):
            talk.note(said)
        if kind == "trc" and out is not None:
            sink = _trc_sink(saved, out, job.pixels_per_metre, overwrite=job.overwrite)
        else:
            pictures = job.video is not None
            sink = _sink(kind, out, pictures=pictures, image_ids=ids, overwrite=job.overwrite)
        choice = KeypointChoice.of(saved, kind, job.smoothed)
        angles = job.angles or bool(saved.header.get("angles"))
        sink.begin(saved.header | choice.said | said_of_angles(angles, choice.drawn))
        frames = people = 0
        try:
            for result in saved.results(on_cut=talk.note) if source is None else source:
                sink.write(choice.of_result(result))
                frames, people = frames + 1, people + len(result.poses)
        finally:
            footer = saved.footer() or {}
            dropped = footer.get("dropped")
            sink.close(
                complete=footer.get("complete") is True,
                dropped=dropped if isinstance(dropped, int) else 0,
                missing=Missing.from_counts(footer.get("missing")),
            )
    return Converted(frames, people, choice.words, tuple(getattr(sink, "paths", [out])), ids is not None)


def _image_ids(saved: SavedRecord, read_numbers: Callable[[], dict[str, int]] | None) -> ImageIds | None:
    """The ids of the record's pictures; None for a video, whose frames are numbered."""
    from shufflecam.records.image_ids import number_pictures

    numbers = None if read_numbers is None else read_numbers()
    names = [str(entry["file"]) for entry in saved.frames() if entry.get("file") is not None]
    if numbers is not None and not names:
        raise UsageError(f"--image-ids numbers pictures, and {saved.path} holds none; leave it out.")
    return number_pictures(names, numbers or {}) if names else None


@contextmanager
def _recorded(video: str, saved: SavedRecord) -> Iterator[Iterator[FrameResult]]:
    """What the record holds, with the pictures of its video. Raises UsageError, SourceError."""
    from shufflecam.jobs.redraw import SavedPoses, open_recorded
    from shufflecam.sources.limits import MAX_PIXELS

    with closing(open_recorded(video, saved, MAX_PIXELS)) as source:
        yield map(SavedPoses(saved, video).find, source.frames())


def _trc_sink(
    saved: SavedRecord, out: Path, pixels_per_metre: float | None, *, overwrite: bool
) -> RecordSink:
    """The writer, its targets checked; its header wants to know how much will come."""
    from shufflecam.records.summary import summarize
    from shufflecam.records.trc import TrcSink

    found = summarize(saved)
    ids = [number for number in found.people if number is not None]
    seconds = found.last_s - found.first_s
    return TrcSink(
        out,
        frames=found.frames,
        ids=ids,
        rate=(found.frames - 1) / seconds if seconds > 0 else None,
        pixels_per_metre=pixels_per_metre,
        overwrite=overwrite,
    )


def _sink(
    kind: str, out: Path | None, *, pictures: bool, image_ids: ImageIds | None, overwrite: bool
) -> RecordSink:
    """The writer, its target checked."""
    if kind == "parquet" and out is not None:
        from shufflecam.records.parquet import TableSink

        return TableSink(out, overwrite=overwrite)
    if kind == "alphapose" and out is not None:
        from shufflecam.records.alphapose import AlphaPoseSink

        return AlphaPoseSink(out, overwrite=overwrite)
    if kind == "labelme" and out is not None:
        from shufflecam.records.labelme import LabelMeSink

        return LabelMeSink(out, pictures=pictures, overwrite=overwrite)
    from shufflecam.records.open import open_record_sink

    return open_record_sink("-" if out is None else str(out), kind, overwrite=overwrite, image_ids=image_ids)
