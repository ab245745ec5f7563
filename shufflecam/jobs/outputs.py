"""What `video`, `images` and `webcam` write: checked before any work, opened once the models are ready."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam import __version__
from shufflecam.core.errors import OutputError, UsageError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.stats import Stats, stage

if TYPE_CHECKING:
    from shufflecam.cli.console import Talk
    from shufflecam.core.skeleton import Skeleton
    from shufflecam.core.types import FrameResult, ImageArray, SourceInfo
    from shufflecam.drawing.draw import Look
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.finder.view import ViewFinder
    from shufflecam.media.video import VideoWriter
    from shufflecam.records.image_ids import ImageIds
    from shufflecam.records.json import EarlierLines
    from shufflecam.records.open import RecordSink
    from shufflecam.records.schema import Record


def drawer(skeleton: Skeleton, look: Look | None = None) -> Callable[[FrameResult], ImageArray]:
    """A function that draws a result's people into its frame's picture, in place: each is drawn once."""
    from shufflecam.drawing.draw import Look, draw
    from shufflecam.drawing.faces import FaceMemory, hide_faces

    look = look or Look()
    memory = FaceMemory() if look.blur_faces else None

    def draw_result(result: FrameResult) -> ImageArray:
        if memory is not None and result.frame.file is None:  # pictures have no common clock
            lost = memory.missing(result.poses, result.frame.timestamp_s)
            aspect = result.frame.pixel_aspect
            hide_faces(result.frame.image, lost, skeleton, look.upright, aspect)
        aspect = result.frame.pixel_aspect
        return draw(result.frame.image, result.poses, skeleton, look, in_place=True, pixel_aspect=aspect)

    return draw_result


class DrawnVideoSink:
    """Draws each result and adds it to a video; a `core.protocols.Sink`."""

    def __init__(
        self, writer: VideoWriter, draw: Callable[[FrameResult], ImageArray], stats: Stats | None = None
    ) -> None:
        """Join the two; `stats` counts the times of "draw" and "encode"."""
        self._writer = writer
        self._draw = draw
        self._stats = stats

    def write(self, result: FrameResult) -> None:
        """One picture, at the source's own time."""
        with stage(self._stats, "draw"):
            picture = self._draw(result)
        with stage(self._stats, "encode"):
            self._writer.write_image(picture, result.frame.timestamp_s, result.frame.pixel_aspect)

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Finish the file; a video that was cut short is whole up to its last frame."""
        self._writer.close(complete=complete, dropped=dropped, missing=missing)


def record_header(
    source: SourceInfo,
    finder: PoseFinder | ViewFinder,
    *,
    angles: bool = False,
    smoothed: bool = False,
    **extra: Any,
) -> Record:
    """The record's first line; `smoothed`: somebody else than the finder smooths."""
    from shufflecam.records import schema as record

    smoothed = smoothed or finder.smooths
    return record.header(
        source,
        model=finder.identity.model,
        detector=finder.identity.detector,
        skeleton=finder.skeleton,
        version=__version__,
        smoothed=smoothed,
        **said_of_angles(angles, smoothed),
        **extra,
    )


@contextmanager
def claimed(*outputs: Path | str | None) -> Iterator[None]:
    """These outputs (None and "-" are none) are this run's as long as the block lasts.

    Raises:
        OutputError: another run is writing one of them.
    """
    from shufflecam.core.claims import claim
    from shufflecam.models.catalogue import cache_dir

    with claim((Path(path) for path in outputs if path is not None and path != "-"), cache_dir() / "runs"):
        yield


def said_of_angles(angles: bool, smoothed: bool) -> dict[str, Any]:
    """What the record's header says where `--angles` is given; writers then add them to each person."""
    from shufflecam.core.angles import ANGLES

    of = "keypoints_smoothed" if smoothed else "keypoints"
    return {"angles": list(ANGLES), "angles_of": of} if angles else {}


def check_angles(json_target: str | None, record_format: str) -> None:
    """Raise UsageError where `--angles` has nowhere to go."""
    if record_format not in ("shufflecam", "csv"):
        raise UsageError(f"--format {record_format} has no place for --angles; use shufflecam or csv.")
    if json_target is None:
        raise UsageError("--angles adds to what --json writes; add --json FILE.")


def check_record_usage(json_target: str | None, record_format: str, angles: bool = False) -> None:
    """Whether what is asked of the record can be meant; before anything is opened. Raises UsageError."""
    from shufflecam.records.open import check_record_target

    if angles:
        check_angles(json_target, record_format)
    if json_target is not None:
        check_record_target(json_target, record_format)
    elif record_format != "shufflecam":
        raise UsageError(f"--format {record_format} says what --json writes; add --json FILE.")


def open_record(
    json_target: str | None,
    record_format: str,
    overwrite: bool,
    earlier: EarlierLines | None = None,
    image_ids: ImageIds | None = None,
) -> RecordSink | None:
    """The record's writer, its target checked, nothing written yet; None without `--json`."""
    from shufflecam.records.open import open_record_sink

    if json_target is None:
        return None
    return open_record_sink(
        json_target, record_format, overwrite=overwrite, earlier=earlier, image_ids=image_ids
    )


def frames_as_ids(record_format: str) -> str:
    """What a summary adds about the ids in COCO results of a video; nothing for other formats."""
    return "; image_id is the frame's number" if record_format == "coco" else ""


def written_files(record: RecordSink | None, json_target: str | None) -> list[Path | str | None]:
    """What the record's writer wrote, for `written_to`: some write more than one file."""
    return list(getattr(record, "paths", [json_target]))


def check_save_to(folder: Path, talk: Talk, *, is_given: bool, has_keys: bool) -> None:
    """Make the folder of `--save-to`, and try to write there: the keys come later, and must not fail then.

    Args:
        folder: where recordings and snapshots go.
        talk: where a note goes.
        is_given: whether the user named it; else it is the current folder, and only noted.
        has_keys: whether anybody can press a key.

    Raises:
        OutputError: it cannot be made or written.
    """
    from shufflecam.core.files import check_writable, reason

    if not is_given and not has_keys:
        return
    try:
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"--save-to {folder} is a file; name a folder, which is made if need be.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"--save-to {folder}: the folder cannot be made: {reason(error)}; choose another."
            ) from error
        check_writable(folder / f".shufflecam-{os.getpid()}", overwrite=True)
    except OutputError as error:
        if is_given:
            raise
        talk.note(f"the keys r and s cannot save anything here ({error}); give --save-to DIR")
        return
    note_little_room([folder / "x"], talk)


LITTLE_ROOM = 100e6
"""Bytes: about two minutes of video in HD."""


def note_little_room(targets: Sequence[Path | str | None], talk: Talk) -> None:
    """Say it where a disk that is written to is nearly full. What fits stays whole, so it is no error yet."""
    told = set()
    for target in targets:
        if target in (None, "-"):
            continue
        folder = Path(str(target)).absolute().parent
        try:
            free, disk = shutil.disk_usage(folder).free, os.stat(folder).st_dev
        except OSError:  # there is none yet: whoever makes it says what is wrong
            continue
        if free < LITTLE_ROOM and disk not in told:
            told.add(disk)
            talk.note(f"only {free / 1e6:.1f} MB are free in {folder}; what does not fit will be missing")


def refuse_same_file(output: Path | str | None, source: str, option: str) -> None:
    """Raise UsageError where an output is the input, by whatever name (links included)."""
    if output is None or str(output) == "-" or source == "-":
        return
    try:
        same = os.path.samefile(output, source)
    except OSError:
        same = os.path.realpath(output) == os.path.realpath(source)
    if same:
        raise UsageError(f"{option} {output} is the input itself; choose another name.")


def note_stored_pixels(table: bool, pixel_aspect: float, talk: Talk) -> None:
    """Say what a table, which has no header for it, is silent about: that its pixels are not square."""
    if table and pixel_aspect != 1.0:
        talk.note(
            f"x and y are of stored pixels, {pixel_aspect:.4g} times as wide as high: for lengths and angles "
            "multiply x by that"
        )


def written_to(*targets: Path | str | None) -> str:
    """The end of a summary: which files were written; empty where all went to standard output."""
    written = [str(target) for target in targets if target not in (None, "-")]
    return f" -> {', '.join(written)}" if written else ""
