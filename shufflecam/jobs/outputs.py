"""Outputs of `video`, `images` and `webcam`: checked before any work, opened once the models are ready."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import OutputError
from shufflecam.core.version import __version__

if TYPE_CHECKING:
    from shufflecam.core.reporting import Reporter
    from shufflecam.core.types import SourceInfo
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.records.open import RecordTarget
    from shufflecam.records.schema import Record
    from shufflecam.records.sink import RecordSink


def record_header(
    source: SourceInfo,
    finder: PoseFinder,
    *,
    angles: bool = False,
    smoothed: bool = False,
    **extra: Any,
) -> Record:
    """Return the record's first line; `smoothed`: something other than the finder smooths."""
    from shufflecam.records import schema as record

    smoothed = smoothed or finder.smooths
    return record.header(
        source,
        model=finder.identity.model,
        detector=finder.identity.detector,
        skeleton=finder.skeleton,
        version=__version__,
        smoothed=smoothed,
        **record.angle_fields(angles, smoothed),
        **({} if finder.view is None else finder.view.header_fields()),
        **extra,
    )


@contextmanager
def claimed(*outputs: Path | str | None) -> Iterator[None]:
    """Claim these outputs (None and "-" are ignored) for this run while the block lasts.

    Raises:
        OutputError: another run is writing one of them.
    """
    from shufflecam.core.claims import claim
    from shufflecam.models.catalogue import cache_dir

    with claim((Path(path) for path in outputs if path is not None and path != "-"), cache_dir() / "runs"):
        yield


def frames_as_ids(record: RecordTarget) -> str:
    """Return the summary's note on the ids in COCO results of a video; empty for other formats."""
    return "; image_id is the frame's number" if "image_ids" in record.kind.takes else ""


def written_files(record: RecordSink | None, target: str | None) -> list[Path | str | None]:
    """Return the files of the record's writer, for `written_to`: some write more than one."""
    return list(getattr(record, "paths", [target]))


def check_save_to(folder: Path, talk: Reporter, *, is_given: bool, has_keys: bool) -> None:
    """Create the `--save-to` folder and check that it is writable: saving by key later must not fail.

    Args:
        folder: where recordings and snapshots are saved.
        talk: receives a note.
        is_given: whether the user named it; otherwise it is the current folder, and a failure is only noted.
        has_keys: whether key presses are possible.

    Raises:
        OutputError: it cannot be created or written.
    """
    from shufflecam.core.files import check_writable
    from shufflecam.core.reasons import reason

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
"""Bytes: about two minutes of HD video."""


def note_little_room(targets: Sequence[Path | str | None], talk: Reporter) -> None:
    """Report a nearly full disk among the targets. What fits is kept intact, so it is no error yet."""
    told = set()
    for target in targets:
        if target in (None, "-"):
            continue
        folder = Path(str(target)).absolute().parent
        try:
            free, disk = shutil.disk_usage(folder).free, os.stat(folder).st_dev
        except OSError:  # it does not exist yet: whatever creates it reports errors
            continue
        if free < LITTLE_ROOM and disk not in told:
            told.add(disk)
            talk.note(f"only {free / 1e6:.1f} MB are free in {folder}; what does not fit will be missing")


def note_stored_pixels(table: bool, pixel_aspect: float, talk: Reporter) -> None:
    """Report that pixels are not square, for a table, which has no header to say so."""
    if table and pixel_aspect != 1.0:
        talk.note(
            f"x and y are of stored pixels, {pixel_aspect:.4g} times as wide as high: for lengths and angles "
            "multiply x by that"
        )


def written_to(*targets: Path | str | None) -> str:
    """Return the end of a summary: the files written; empty if all went to standard output."""
    written = [str(target) for target in targets if target not in (None, "-")]
    return f" -> {', '.join(written)}" if written else ""
