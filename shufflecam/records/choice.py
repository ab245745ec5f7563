"""Which of a saved record's two sets of keypoints go elsewhere: as they were drawn, or as they were found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from shufflecam.core.errors import UsageError
from shufflecam.core.types import FrameResult
from shufflecam.records.formats import Keypoints
from shufflecam.records.reader import SavedRecord


@dataclass(frozen=True)
class KeypointChoice:
    """What a conversion takes."""

    drawn: bool
    """The smoothed keypoints where a person has them; else the raw ones."""
    by_writer: bool
    """The writer takes them so by itself."""
    said: dict[str, Any]
    """What the header of what is written says; a record that is only copied stays as it is."""

    @classmethod
    def of(cls, saved: SavedRecord, usual: Keypoints, wanted: bool | None) -> KeypointChoice:
        """What is meant by --smoothed (True), --raw (False) or neither.

        Args:
            saved: the record.
            usual: which keypoints the writer takes (`formats.RecordFormat.keypoints`).
            wanted: what was asked for.

        Raises:
            UsageError: smoothed keypoints are asked for, and the record has none.
        """
        there = has_smoothed(saved)
        if wanted and not there:
            raise UsageError(
                f"{saved.path} has no smoothed keypoints: it was made without --smooth; leave --smoothed out."
            )
        by_writer = usual != "raw"
        drawn = there and (by_writer if wanted is None else wanted)
        copied = usual == "both" and wanted is None
        return cls(drawn, drawn == by_writer or not there, {} if copied else {"smoothed": drawn})

    @property
    def words(self) -> str:
        """For a summary."""
        return "smoothed keypoints" if self.drawn else "raw keypoints"

    def of_result(self, result: FrameResult) -> FrameResult:
        """The result with the chosen keypoints where its writer looks for them."""
        if self.by_writer:
            return result
        if self.drawn:
            poses = tuple(replace(pose, keypoints=pose.drawn_keypoints) for pose in result.poses)
        else:
            poses = tuple(
                replace(pose, keypoints_smoothed=None, scores_smoothed=None) for pose in result.poses
            )
        return replace(result, poses=poses)


def has_smoothed(saved: SavedRecord) -> bool:
    """Whether the record holds smoothed keypoints: its header says it, in older ones the first person."""
    said = saved.header.get("smoothed")
    if isinstance(said, bool):
        return said
    for entry in saved.frames():
        people = entry.get("people")
        if isinstance(people, list) and people:
            return any(isinstance(one, dict) and one.get("keypoints_smoothed") is not None for one in people)
    return False
