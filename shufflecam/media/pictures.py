"""Writes annotated pictures to a folder that mirrors the directory tree of the inputs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import cv2

from shufflecam.core.errors import OutputError, UsageError
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.reasons import reason
from shufflecam.core.types import FrameResult, ImageArray

# Formats that OpenCV writes well; a picture in any other format (GIF, HEIC, ...) is written as PNG.
WRITTEN_AS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
JPEG_QUALITY = 95


def output_name(file: str) -> PurePosixPath:
    """Return the path below the output folder of a picture, given its path below the input folder."""
    path = PurePosixPath(file)
    return path if path.suffix.lower() in WRITTEN_AS else path.with_name(path.name + ".png")


def check_pictures(folder: Path, inputs: Sequence[tuple[str, Path]], overwrite: bool) -> None:
    """Check every output path before any work is done, and create the output folder.

    Args:
        folder: the output folder.
        inputs: (path relative to the input folder, real path) of each picture.
        overwrite: whether pictures of an earlier run may be replaced.

    Raises:
        UsageError: an output is one of the inputs, or two inputs have the same output.
        OutputError: an output exists already, or the folder cannot be created or written to.
    """
    # On a case-insensitive file system, a.JPG and a.jpg are the same output.
    by_output: dict[str, str] = {}
    originals = {os.path.realpath(path) for _, path in inputs}
    for file, path in inputs:
        target = folder / output_name(file)
        other = by_output.setdefault(os.path.normcase(target), file)
        if other != file:
            raise UsageError(f"{other} and {file} would both become {target}; run them with different --out.")
        if os.path.realpath(target) in originals:
            raise UsageError(f"{target} is an input ({path}) and would be replaced; choose another --out.")
        if not overwrite and target.exists():
            raise OutputError(f"{target} exists already; choose another --out, or add --overwrite.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".shufflecam-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"Cannot write into {folder}: {reason(error)}; try another folder.") from error


class PictureSink:
    """Draws each result and writes it to a picture file of its own."""

    def __init__(self, folder: Path, draw: Callable[[FrameResult], ImageArray]) -> None:
        self._folder = folder
        self._draw = draw

    def write(self, result: FrameResult) -> None:
        """Write one picture atomically. Raises OutputError."""
        file = result.frame.file
        assert file is not None, "pictures carry their file name"
        target = self._folder / output_name(file)
        options = (
            [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if target.suffix.lower() in (".jpg", ".jpeg") else []
        )
        done, data = cv2.imencode(target.suffix.lower(), self._draw(result), options)
        if not done:
            raise OutputError(
                f"Cannot encode {target}; is {result.frame.size} px too large for {target.suffix}?"
            )
        # Not target.name plus a suffix: that may exceed the longest name of the file system.
        beside = target.with_name(f".shufflecam-{os.getpid()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(data.tobytes())
            beside.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):  # report the first failure
                beside.unlink()
            raise OutputError(
                f"Cannot write {target}: {reason(error)}; pictures before it are whole."
            ) from error

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Do nothing: each picture is complete once it is written."""
