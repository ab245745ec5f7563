"""OpenPose's folder of JSON files, one a frame, which Pose2Sim and others read."""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from shufflecam.core.errors import OutputError
from shufflecam.core.files import TextFile, name_that_fits
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.reasons import reason
from shufflecam.core.types import Frame, FrameResult
from shufflecam.records import schema as record
from shufflecam.records.json import dumps
from shufflecam.records.sink import WriterOptions

VERSION = 1.3
"""The version of OpenPose's output format."""

# Present for every person in an OpenPose file, empty where the network does not have them.
_EMPTY_PARTS = (
    "face_keypoints_2d",
    "hand_left_keypoints_2d",
    "hand_right_keypoints_2d",
    "pose_keypoints_3d",
    "face_keypoints_3d",
    "hand_left_keypoints_3d",
    "hand_right_keypoints_3d",
)


def open_writer(target: Path, options: WriterOptions) -> OpenPoseSink:
    """The writer, its target checked; see `records.formats`."""
    return OpenPoseSink(target, overwrite=options.overwrite)


class OpenPoseSink:
    """Writes `<name>_<frame, 12 digits>_keypoints.json` for every frame, with or without people.

    The keypoints are the model's own (COCO's 17 in COCO's order: Pose2Sim's `COCO_17`), raw, with 0, 0, 0
    for a missing one, as in OpenPose. `name` is that of the video or picture, without its ending, shortened
    where the file system requires it.
    """

    def __init__(self, folder: Path, *, overwrite: bool = False) -> None:
        """Check that files can be written there.

        Raises:
            OutputError: it cannot be written, or holds such files already (without `overwrite`).
        """
        self._folder = folder
        self._name = "frame"
        try:
            there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
            tempfile.TemporaryFile(dir=there).close()
            if not overwrite and next(folder.glob("*_keypoints.json"), None) is not None:
                raise OutputError(
                    f"{folder} holds OpenPose files already; choose another folder, or add --overwrite."
                )
        except OSError as error:
            raise OutputError(f"Cannot write into {folder}: {reason(error)}; try another folder.") from error

    def begin(self, header: record.Record) -> None:
        """Make the folder, and delete the files that an earlier run of a video of that name left."""
        source = header["source"]
        self._name = source["kind"] if source["kind"] in ("camera", "stream") else _stem(str(source["path"]))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # A shorter second run must not be followed by frames of the first.
            kept = self._path(self._name, 0).name.removesuffix(_ending(0))
            ours = re.compile(re.escape(kept) + r"_[0-9]{12}_keypoints\.json")
            for old in self._folder.glob("*_keypoints.json"):
                if ours.fullmatch(old.name):
                    old.unlink()
        except OSError as error:
            raise OutputError(f"Cannot write into {self._folder}: {reason(error)}.") from error

    def write(self, result: FrameResult) -> None:
        """Write one file. Raises OutputError; an incomplete file is deleted."""
        path = self._path(self._stem_of(result.frame), result.frame.index)
        file = TextFile(path)
        try:
            file.append(dumps(_document(result)) + "\n")
        except OutputError:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        finally:
            file.close()

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Do nothing: no file is open between frames, and the format has no footer."""

    def _path(self, stem: str, index: int) -> Path:
        return self._folder / name_that_fits(self._folder, stem, _ending(index))

    def _stem_of(self, frame: Frame) -> str:
        return self._name if frame.file is None else _stem(frame.file)


def _ending(index: int) -> str:
    return f"_{index:012d}_keypoints.json"


def _stem(path: str) -> str:
    # "-" and the like leave no name: an empty one would make a hidden-looking "_000..." file.
    return PurePosixPath(path.replace("\\", "/")).stem.strip("-") or "frame"


def _document(result: FrameResult) -> dict[str, Any]:
    people = []
    for pose in result.poses:
        triples = record.person(pose)["keypoints"]
        people.append(
            {
                "person_id": [-1 if pose.track_id is None else pose.track_id],
                "pose_keypoints_2d": [value or 0.0 for triple in triples for value in (triple or (0, 0, 0))],
                **{part: [] for part in _EMPTY_PARTS},
            }
        )
    return {"version": VERSION, "people": people}
