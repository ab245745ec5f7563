"""Writes the outputs of r and s: recordings and snapshots, each to a new file."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2

from shufflecam.core.errors import OutputError, ShufflecamError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.pixels import as_fraction
from shufflecam.core.reasons import reason
from shufflecam.core.types import FrameResult, ImageArray
from shufflecam.media.video import VideoWriter
from shufflecam.pipeline.background import BackgroundSink
from shufflecam.records import schema as record
from shufflecam.records.json import dumps


def fresh_path(folder: Path, ending: str, now: datetime | None = None) -> Path:
    """Return a path in `folder` that does not exist: shufflecam-20261123-184501.mp4, then ...-2.mp4."""
    stem = f"shufflecam-{now or datetime.now():%Y%m%d-%H%M%S}"
    for number in itertools.count(1):
        path = folder / (f"{stem}{ending}" if number == 1 else f"{stem}-{number}{ending}")
        if not path.exists():
            return path
    raise AssertionError


class _PictureSink:
    """Adds each result's picture, already drawn, to a video; a `core.protocols.Sink`."""

    def __init__(self, writer: VideoWriter) -> None:
        self._writer = writer

    def write(self, result: FrameResult) -> None:
        frame = result.frame
        self._writer.write_image(frame.image, frame.timestamp_s, frame.pixel_aspect)

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        self._writer.close(complete=complete, dropped=dropped, missing=missing)


class Recorder:
    """Records what is displayed, with the frames' timestamps. Not thread-safe; encoding has its own thread.

    The first recording may have a given name (`--record`); its timestamps are those of the record. An error
    in a later one ends that recording and not the run; `close` raises it, so that it is not lost.
    """

    def __init__(
        self,
        folder: Path,
        *,
        size: tuple[int, int] | None = None,
        rate: Fraction | None = None,
        pixel_aspect: float = 1.0,
        first: Path | None = None,
        overwrite: bool = False,
    ) -> None:
        """Open `first`, if given.

        Args:
            folder: output folder of recordings without a given name.
            size: (width, height) of the pictures.
            rate: nominal frames per second.
            pixel_aspect: width / height of their pixels.
            first: file to record into from the first picture on.
            overwrite: whether `first` may replace an existing file.

        Raises:
            OutputError: `first` cannot be written.
        """
        self._folder = folder
        self._pictures: dict[str, Any] = {
            "size": size,
            "rate": rate,
            "sample_aspect": as_fraction(pixel_aspect),
        }
        self.files: list[Path] = []
        """All recordings, in order."""
        self._sink: BackgroundSink | None = None
        self._named = False
        self._from_s: float | None = None
        self._last_s = 0.0
        self._error: ShufflecamError | None = None
        if first is not None:
            self._begin(VideoWriter(first, **self._pictures, overwrite=overwrite), first)
            self._named = True

    @property
    def recorded_s(self) -> float | None:
        """Duration of the current recording in seconds; None: not recording."""
        if self._sink is None:
            return None
        return 0.0 if self._from_s is None else self._last_s - self._from_s

    def write(self, picture: ImageArray, result: FrameResult, *, wanted: bool) -> str:
        """Record one picture if `wanted`; begin or end the recording when that changes.

        Args:
            picture: (H, W, 3) uint8 BGR; copied.
            result: the result that it shows.
            wanted: whether to record.

        Returns:
            A message for the user: a recording ended, or failed; usually empty.

        Raises:
            OutputError: the recording with a given name cannot be written.
        """
        if not wanted:
            return self.stop()
        moment_s = result.frame.timestamp_s
        try:
            if self._sink is None:
                path = fresh_path(self._folder, ".mp4")
                writer = VideoWriter(path, **self._pictures, origin_s=moment_s)
                self._begin(writer, path)
            assert self._sink is not None
            self._sink.write(replace(result, frame=replace(result.frame, image=picture.copy())))
        except ShufflecamError as error:
            if self._named:
                raise
            return self._fail(error)
        self._from_s = moment_s if self._from_s is None else self._from_s
        self._last_s = moment_s
        return ""

    def stop(self) -> str:
        """End the current recording, if any; return a message for the user."""
        if self._sink is None:
            return ""
        sink, self._sink = self._sink, None
        try:
            sink.close(complete=True)
        except ShufflecamError as error:
            if self._named:
                raise
            return self._fail(error)
        self._named = False
        return f"recorded {self.files[-1]}"

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Finish the current recording. Raises the first error of a recording that was not raised yet."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close(complete=complete, dropped=dropped, missing=missing)
        if self._error is not None:
            raise self._error

    def _begin(self, writer: VideoWriter, path: Path) -> None:
        self._sink = BackgroundSink(_PictureSink(writer))
        self._from_s = None
        self.files.append(path)

    def _fail(self, error: ShufflecamError) -> str:
        self._error = self._error or error
        sink, self._sink = self._sink, None
        if sink is not None:
            with contextlib.suppress(ShufflecamError):
                sink.close(complete=False)
        return str(error)


def save_snapshot(
    folder: Path,
    picture: ImageArray,
    result: FrameResult,
    header: record.Record,
    fresh: Callable[[Path, str], Path] = fresh_path,
) -> Path:
    """Write a picture (PNG) and, next to it, its record: a document of one frame.

    Args:
        folder: output folder.
        picture: (H, W, 3) uint8 BGR, drawn and unmirrored: the record's pixels are its pixels.
        result: what it shows.
        header: of the run's record.
        fresh: returns an unused path.

    Returns:
        The picture's path.

    Raises:
        OutputError: one of the two files cannot be written.
    """
    path = fresh(folder, ".png")
    good, data = cv2.imencode(".png", picture)
    if not good:
        raise OutputError(f"{path} cannot be written: the picture cannot be encoded.")
    document = {
        "header": header,
        "frames": [record.frame(result, record.angle_joints(header))],
        "footer": record.footer(1, 0, complete=True),
    }
    try:
        with path.open("xb") as file:
            file.write(data.tobytes())
        with path.with_suffix(".json").open("x", encoding="utf-8") as text:
            text.write(dumps(document) + "\n")
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {reason(error)}; choose another folder with --save-to."
        ) from error
    return path
