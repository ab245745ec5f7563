"""Selects the keypoints of a saved record that are converted or plotted: the smoothed or the raw ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from shufflecam.core.errors import UsageError
from shufflecam.core.types import FrameResult
from shufflecam.records.formats import Keypoints
from shufflecam.records.reader import SavedRecord


@dataclass(frozen=True)
class KeypointChoice:
    """Which keypoints a conversion takes, and what its header records about that."""

    drawn: bool
    """The smoothed keypoints where a person has them; else the raw ones."""
    by_writer: bool
    """Whether the writer selects these keypoints without help."""
    said: dict[str, Any]
    """Fields that replace those of the header; none for a record that is only copied."""

    @classmethod
    def of(cls, saved: SavedRecord, usual: Keypoints, wanted: bool | None) -> KeypointChoice:
        """Resolve --smoothed (True), --raw (False) or neither against what the record holds.

        Args:
            saved: the record.
            usual: which keypoints the writer takes (`formats.RecordFormat.keypoints`).
            wanted: the user's choice; None: what the format usually has.

        Raises:
            UsageError: smoothed keypoints are requested, and the record has none.
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
        """The choice in words, for a summary."""
        return "smoothed keypoints" if self.drawn else "raw keypoints"

    def of_result(self, result: FrameResult) -> FrameResult:
        """Return the result with the chosen keypoints in the fields that the writer reads."""
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
    """Whether the record holds smoothed keypoints: a header field, or in old records the first person's."""
    said = saved.header.get("smoothed")
    if isinstance(said, bool):
        return said
    for entry in saved.frames():
        people = entry.get("people")
        if isinstance(people, list) and people:
            return any(isinstance(one, dict) and one.get("keypoints_smoothed") is not None for one in people)
    return False
