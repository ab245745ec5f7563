"""Two-pass smoothing without lag, for videos that can be read twice. numpy only.

The One-Euro filter of `tracking.smoother` runs over each person's joints forwards and backwards in time, and
the resulting keypoints are averaged: the lag of one is the lead of the other, and both remove jitter. Time
steps are the frames' own in both directions. Scores are those of the forward pass.

All keypoints are kept in temporary files, so that memory does not grow with the video: 400 bytes per person
and frame on disk, 16 bytes per frame in memory.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from shufflecam.core.errors import OutputError
from shufflecam.core.geometry import person_size
from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.pixels import poses_to_square, poses_to_stored
from shufflecam.core.reasons import in_their_words
from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import FloatArray, Frame, FrameResult, Pose
from shufflecam.tracking.smoother import (
    LEAP_SIZES,
    RESTART_S,
    OneEuroSmoother,
    calmed,
    limbs_of,
)

NOBODY = -1
"""Marks a missing id in the file."""


class OfflineSmoother:
    """First a sink for all results, in order; after `turn_round` it returns them smoothed, in order."""

    def __init__(self, skeleton: Skeleton) -> None:
        """Open the temporary files.

        Args:
            skeleton: defines the K keypoints.

        Raises:
            OutputError: the files cannot be created.
        """
        keypoints = len(skeleton.keypoints)
        self._skeleton = skeleton
        self._row = np.dtype(
            [
                ("id", np.int64),
                ("box", np.float32, 4),
                ("box_score", np.float64),
                ("score", np.float64),
                ("keypoints", np.float32, (keypoints, 2)),
                ("scores", np.float32, keypoints),
            ]
        )
        self._after = np.dtype((np.float32, (keypoints, 2)))
        try:
            # Both live as long as this object; `delete` closes them.
            self._found = tempfile.TemporaryFile(prefix="shufflecam-")  # noqa: SIM115
            self._backwards = tempfile.TemporaryFile(prefix="shufflecam-")  # noqa: SIM115
        except OSError as error:
            raise _no_room(error) from error
        self._times: list[float] = []
        self._ends: list[int] = [0]  # row offsets: frame i has the rows from [i] to [i + 1]
        self._forwards = OneEuroSmoother(skeleton=skeleton)
        self._limbs = limbs_of(skeleton)
        self._before: dict[int, tuple[float, FloatArray]] = {}  # id: when and where last
        self._next = 0

    def __len__(self) -> int:
        """Number of frames so far."""
        return len(self._times)

    def write(self, result: FrameResult) -> None:
        """Store the poses of a result, not its picture. Raises OutputError if the disk is full."""
        rows = np.zeros(len(result.poses), self._row)
        square = poses_to_square(result.poses, result.frame.pixel_aspect)
        for row, pose in zip(rows, square, strict=True):
            row["id"] = NOBODY if pose.track_id is None else pose.track_id
            row["box"], row["box_score"], row["score"] = pose.box_xyxy, pose.box_score, pose.score
            row["keypoints"], row["scores"] = pose.keypoints, pose.scores
        try:
            self._found.write(rows.tobytes())
        except OSError as error:
            raise _no_room(error) from error
        self._times.append(result.frame.timestamp_s)
        self._ends.append(self._ends[-1] + len(rows))

    def close(self, *, complete: bool, dropped: int = 0, missing: Missing = NOTHING_MISSING) -> None:
        """Do nothing, because the files are still needed; required by `core.protocols.Sink`."""

    def turn_round(self) -> None:
        """Start the backward pass after the last frame was written. Raises OutputError."""
        backwards = OneEuroSmoother(skeleton=self._skeleton)
        try:
            self._backwards.truncate(self._ends[-1] * self._after.itemsize)
            for number in reversed(range(len(self))):
                poses = backwards.update(self._poses(number), -self._times[number])
                smoothed = [pose.drawn_keypoints for pose in poses]
                self._backwards.seek(self._ends[number] * self._after.itemsize)
                self._backwards.write(np.array(smoothed, np.float32).tobytes())
            self._backwards.flush()
        except OSError as error:
            raise _no_room(error) from error

    def find(self, frame: Frame) -> FrameResult:
        """Return the smoothed result of each frame, once and in order. Unknown frames get no people."""
        number = self._next
        if number >= len(self) or self._times[number] != frame.timestamp_s:
            return FrameResult(frame)
        self._next += 1
        forwards = self._forwards.update(self._poses(number), frame.timestamp_s)
        self._backwards.seek(self._ends[number] * self._after.itemsize)
        count = len(forwards)
        stored = self._backwards.read(count * self._after.itemsize)
        backwards = np.frombuffer(stored, np.float32).reshape(count, *self._after.shape)
        poses = [
            pose if pose.keypoints_smoothed is None else self._combined(pose, other, frame.timestamp_s)
            for pose, other in zip(forwards, backwards, strict=True)
        ]
        return FrameResult(frame, tuple(poses_to_stored(poses, frame.pixel_aspect)))

    def _combined(self, pose: Pose, backwards: FloatArray, now: float) -> Pose:
        """Return a pose of the forward pass, its keypoints averaged with the (K, 2) of the backward pass.

        Around a leap that lasts, one pass holds a joint where it was and the other where it will be. Halfway
        there is nothing, so the forward pass alone counts; so do its scores, whose hysteresis a mean undoes.
        """
        places = np.stack([pose.drawn_keypoints, backwards])
        size = person_size(pose.box_xyxy)
        apart = np.linalg.norm(places[0] - places[1], axis=1) > LEAP_SIZES * size
        keypoints = np.where(apart[:, None], places[0], places.mean(axis=0)).astype(np.float32)
        if pose.track_id is not None:
            seen, before = self._before.get(pose.track_id, (-math.inf, keypoints))
            if now - seen <= RESTART_S:
                keypoints = calmed(before, keypoints, self._limbs, size)
            self._before[pose.track_id] = now, keypoints
        return replace(pose, keypoints_smoothed=keypoints.copy())

    def delete(self) -> None:
        """Delete the temporary files."""
        self._found.close()
        self._backwards.close()

    def _poses(self, number: int) -> list[Pose]:
        self._found.seek(self._ends[number] * self._row.itemsize)
        count = self._ends[number + 1] - self._ends[number]
        rows = np.frombuffer(self._found.read(count * self._row.itemsize), self._row)
        return [
            Pose(
                box_xyxy=row["box"].copy(),
                box_score=float(row["box_score"]),
                keypoints=row["keypoints"].copy(),
                scores=row["scores"].copy(),
                score=float(row["score"]),
                track_id=None if row["id"] == NOBODY else int(row["id"]),
            )
            for row in rows
        ]


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        f"--smooth offline cannot keep its keypoints in {Path(tempfile.gettempdir())} "
        f"({in_their_words(error)}); make room there, or set TMPDIR to another folder"
    )
