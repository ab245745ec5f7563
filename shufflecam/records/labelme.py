"""labelme's JSON files, one a frame; labelme looks for the picture in the same folder."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from shufflecam.core.errors import OutputError, SourceError
from shufflecam.core.files import TextFile
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.reasons import reason
from shufflecam.core.types import FrameResult, ImageArray, Pose
from shufflecam.records import schema as record
from shufflecam.records.json import dumps
from shufflecam.records.sink import WriterOptions

VERSION = "5.5.0"
"""The version of labelme's format; its readers warn about others, and read them."""


def open_writer(target: Path, options: WriterOptions) -> LabelMeSink:
    """The writer, its target checked; see `records.formats`."""
    return LabelMeSink(target, pictures=options.pictures, overwrite=options.overwrite)


class LabelMeSink:
    """Writes `NAME.json` for each frame with people: a box `person` and a point a keypoint, in groups.

    `imagePath` is the picture's name, or for videos `STEM_000000000012.jpg`. A missing keypoint has no point.
    """

    def __init__(self, folder: Path, *, pictures: bool = False, overwrite: bool = False) -> None:
        """Check that files can be written there; `pictures`: write each frame's picture too.

        Raises:
            OutputError: it cannot be written, or holds such files already (without `overwrite`).
        """
        self._folder, self._names, self._stem = folder, [""], "frame"
        self._pictures = pictures
        try:
            there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
            tempfile.TemporaryFile(dir=there).close()
            if not overwrite and next(folder.glob("*.json"), None) is not None:
                raise OutputError(
                    f"{folder} holds JSON files already; choose another folder, or add --overwrite."
                )
        except OSError as error:
            raise OutputError(f"Cannot write into {folder}: {reason(error)}; try another folder.") from error

    def begin(self, header: record.Record) -> None:
        """Make the folder. Raises OutputError."""
        self._names = list(header["skeleton"]["keypoints"])
        self._stem = PurePosixPath(str(header["source"].get("path", "frame"))).stem or "frame"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Cannot write into {self._folder}: {reason(error)}.") from error

    def write(self, result: FrameResult) -> None:
        """Write one file, for a frame with people. Raises OutputError."""
        if not result.poses:
            return
        picture = result.frame.file or f"{self._stem}_{result.frame.index:012d}.jpg"
        target = self._folder / _below(picture)
        width, height = result.frame.size
        document: dict[str, Any] = {
            "version": VERSION,
            "flags": {},
            "shapes": [shape for n, pose in enumerate(result.poses) for shape in self._shapes(pose, n)],
            "imagePath": PurePosixPath(picture).name,
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Cannot write into {target.parent}: {reason(error)}.") from error
        if self._pictures:
            _write_picture(result.frame.image, target.with_suffix(".jpg"))
        file = TextFile(target)
        try:
            file.append(dumps(document) + "\n")
        finally:
            file.close()

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Do nothing: no file is open between frames."""

    def _shapes(self, pose: Pose, place: int) -> list[dict[str, Any]]:
        group = place if pose.track_id is None else pose.track_id
        x1, y1, x2, y2 = (round(float(value), 3) for value in pose.box_xyxy)
        shapes = [_shape("person", [[x1, y1], [x2, y2]], group, "rectangle")]
        for name, triple in zip(self._names, record.person(pose)["keypoints"], strict=True):
            if triple is not None:
                shapes.append(_shape(name, [triple[:2]], group, "point"))
        return shapes


def _write_picture(image: ImageArray, path: Path) -> None:
    import cv2

    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {reason(error)}; try another folder.") from error


def _below(picture: str) -> PurePosixPath:
    """Return the file's path below the folder, which a record must not escape. Raises SourceError."""
    path = PurePosixPath(picture)
    if path.is_absolute() or ".." in path.parts or not path.name:
        path = PurePosixPath(path.name)
    if not path.name or path.name == ".." or "\0" in picture:
        raise SourceError(f"The record names a picture {picture!r}; there can be no such file.")
    return path.with_suffix(".json")


def _shape(label: str, points: list[list[float]], group: int, kind: str) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": group, "shape_type": kind, "flags": {}}
