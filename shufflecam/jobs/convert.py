"""Converts a saved record to another format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shufflecam.core.errors import UsageError
from shufflecam.core.files import refuse_same_file
from shufflecam.core.missing import Missing
from shufflecam.core.words import listed
from shufflecam.jobs.outputs import note_stored_pixels, written_files
from shufflecam.records.formats import names_where
from shufflecam.records.open import RecordTarget, read_record
from shufflecam.records.sink import WriterOptions

if TYPE_CHECKING:
    from shufflecam.core.reporting import Reporter
    from shufflecam.core.types import FrameResult
    from shufflecam.records.image_ids import ImageIds
    from shufflecam.records.reader import SavedRecord


@dataclass(frozen=True)
class ConvertJob:
    """Inputs and outputs of a conversion."""

    poses: Path
    target: RecordTarget
    smoothed: bool | None = None
    """Which keypoints; None: the usual ones of the format."""
    numbers: Callable[[], dict[str, int]] | None = None
    """coco: reads file name -> image_id of annotations, after all other checks; None: from the names."""
    video: str | None = None
    """labelme: the source of the pictures."""
    pixels_per_metre: float | None = None
    """trc: the scale; None: pixels."""
    overwrite: bool = False


@dataclass(frozen=True)
class Converted:
    """The result of a conversion."""

    frames: int
    people: int
    """Total number of poses."""
    words: str
    """Which keypoints were used."""
    paths: tuple[Path | str | None, ...]
    """The files written."""
    numbered: bool
    """coco: whether the ids are those of pictures rather than of a video's frames."""


def check_usage(job: ConvertJob) -> None:
    """Raise UsageError if the conversion's options are invalid."""
    job.target.check_conversion()
    for extra, asked, sentence in (
        ("image_ids", job.numbers, "--image-ids numbers the pictures of"),
        ("pictures", job.video, "--video gives the pictures for"),
        ("pixels_per_metre", job.pixels_per_metre, "--pixels-per-metre is the scale of"),
    ):
        takers = names_where(lambda entry, extra=extra: extra in entry.takes)  # type: ignore[misc]
        if asked is not None and job.target.format not in takers:
            raise UsageError(f"{sentence} --format {listed(takers, 'or')}; leave it out.")
    refuse_same_file(job.target.path, str(job.poses), "--out")


def convert(job: ConvertJob, talk: Reporter) -> Converted:
    """Convert a record; one left behind by a killed program is converted up to its last complete line.

    Raises:
        UsageError, SourceError, OutputError: before anything is written.
    """
    from shufflecam.records.choice import KeypointChoice
    from shufflecam.records.schema import angle_fields

    check_usage(job)
    kind = job.target.kind
    saved = read_record(job.poses)
    note_stored_pixels(kind.silent_on_aspect, saved.pixel_aspect, talk)
    with ExitStack() as stack:
        source = None if job.video is None else stack.enter_context(_recorded(job.video, saved))
        ids = _image_ids(saved, job.numbers) if "image_ids" in kind.takes else None
        if ids is not None and (said := ids.said()):
            talk.note(said)
        sink = job.target.open(
            WriterOptions(
                job.overwrite,
                saved,
                image_ids=ids,
                pictures=job.video is not None,
                pixels_per_metre=job.pixels_per_metre,
            )
        )
        choice = KeypointChoice.of(saved, kind.keypoints, job.smoothed)
        angles = job.target.angles or bool(saved.header.get("angles"))
        sink.begin(saved.header | choice.said | angle_fields(angles, choice.drawn))
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
    paths = tuple(written_files(sink, job.target.path))
    return Converted(frames, people, choice.words, paths, ids is not None)


def _image_ids(saved: SavedRecord, read_numbers: Callable[[], dict[str, int]] | None) -> ImageIds | None:
    """Return the ids of the record's pictures; None for a video, whose frames are numbered."""
    from shufflecam.records.image_ids import number_pictures

    numbers = None if read_numbers is None else read_numbers()
    names = [str(entry["file"]) for entry in saved.frames() if entry.get("file") is not None]
    if numbers is not None and not names:
        raise UsageError(f"--image-ids numbers pictures, and {saved.path} holds none; leave it out.")
    return number_pictures(names, numbers or {}) if names else None


@contextmanager
def _recorded(video: str, saved: SavedRecord) -> Iterator[Iterator[FrameResult]]:
    """Yield the record's results with the pictures of its video. Raises UsageError, SourceError."""
    from shufflecam.jobs.redraw import SavedPoses, open_recorded
    from shufflecam.sources.limits import MAX_PIXELS

    with closing(open_recorded(video, saved, MAX_PIXELS)) as source:
        yield map(SavedPoses(saved, video).find, source.frames())
