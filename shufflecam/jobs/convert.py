"""A saved record written in another format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
