"""Summary of a saved record: people, times, scores and gaps. One pass; memory grows with people only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.types import FloatArray
from shufflecam.records import schema as record
from shufflecam.records.reader import SavedRecord

SURE = 0.3
"""The default score from which a keypoint is drawn."""


Place = tuple[float, float, float]
"""Centre of a box and its longer side, (x, y, size) in pixels."""


@dataclass
class PersonSummary:
    """Figures of one id over the record; without tracking all people share the id None."""

    first_frame: int
    first_s: float
    last_s: float = 0.0
    last_frame: int = 0
    frames: int = 0
    """Frames that show the person."""
    poses: int = 0
    sum_score: float = 0.0
    sure: int = 0
    """Keypoints of at least `SURE`, over all poses."""
    keypoints: int = 0
    gaps: int = 0
    """How often the person was absent between two appearances."""
    longest_gap_s: float = 0.0
    seconds: float = 0.0
    """Duration of presence; each frame lasts until the next one."""
    enters: Place | None = None
    """Place of the first appearance."""
    leaves: Place | None = None
    """Place of the last appearance."""

    @property
    def mean_score(self) -> float:
        """Mean of the keypoints' scores."""
        return self.sum_score / self.keypoints if self.keypoints else 0.0


@dataclass
class RecordSummary:
    """Figures of a record."""

    frames: int = 0
    with_people: int = 0
    most_people: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    complete: bool | None = None
    """None: the program was killed before it wrote the footer."""
    notice: str | None = None
    """Where the record ends too early, and how much of it was read."""
    dropped: int | None = None
    missing: Missing = NOTHING_MISSING
    camera_gaps: int = 0
    """How often the camera was disconnected."""
    camera_away_s: float = 0.0
    seconds: float = 0.0
    """Duration without the time the camera was disconnected; 0 for pictures, which have no times."""
    people: dict[int | None, PersonSummary] = field(default_factory=dict)

    def share(self, number: int | None) -> float:
        """Part of the record, 0 to 1, in which this person is: of its time, of pictures their number."""
        person = self.people[number]
        return person.seconds / self.seconds if self.seconds else person.frames / max(self.frames, 1)

    @property
    def chosen(self) -> int | None:
        """Return the default id to plot: that of most frames. Raises ValueError without people."""
        return max(self.people, key=lambda number: self.people[number].frames)


def summarize(saved: SavedRecord) -> RecordSummary:
    """Read it once.

    Raises:
        SourceError: it does not follow the schema.
    """
    found = RecordSummary()
    notices: list[str] = []
    rows: dict[int | None, int] = {}
    before: set[int | None] = set()
    for result in saved.results(on_cut=notices.append):
        time = result.frame.timestamp_s
        if found.frames == 0:
            found.first_s = found.last_s = time
        lasted = max(0.0, time - found.last_s)
        found.frames += 1
        found.last_s = time
        if result.frame.gap is not None:
            found.camera_gaps += 1
            found.camera_away_s += result.frame.gap.to_s - result.frame.gap.from_s
        else:
            _add_seconds(found, before, lasted)
        found.with_people += bool(result.poses)
        found.most_people = max(found.most_people, len(result.poses))
        seen: set[int | None] = set()
        for pose in result.poses:
            person = found.people.setdefault(pose.track_id, PersonSummary(result.frame.index, time))
            scores = np.nan_to_num(pose.scores)
            person.poses += 1
            person.keypoints += len(scores)
            person.sum_score += float(scores.sum())
            person.sure += int((scores >= SURE).sum())
            if pose.track_id in seen:
                continue
            seen.add(pose.track_id)
            last_row = rows.get(pose.track_id)
            if last_row is not None and last_row != found.frames - 1:
                person.gaps += 1
                person.longest_gap_s = max(person.longest_gap_s, time - person.last_s)
            rows[pose.track_id] = found.frames
            person.frames += 1
            person.leaves = _middle(pose.box_xyxy)
            person.enters = person.enters or person.leaves
            person.last_s, person.last_frame = time, result.frame.index
        before = seen
    if found.frames > 1:  # the last frame has no successor: it gets the mean duration
        _add_seconds(found, before, found.seconds / (found.frames - 1))
    found.notice = notices[0] if notices else None
    footer: record.Record | None = saved.footer()
    # A document whose program was killed has a footer without a count of dropped frames.
    if footer is not None and isinstance(footer.get("dropped"), int):
        found.complete, found.dropped = bool(footer.get("complete")), footer.get("dropped")
        found.missing = Missing.from_counts(footer.get("missing"))
    return found


def _add_seconds(found: RecordSummary, people: set[int | None], seconds: float) -> None:
    found.seconds += seconds
    for number in people:
        found.people[number].seconds += seconds


def _middle(box_xyxy: FloatArray) -> Place | None:
    x1, y1, x2, y2 = box_xyxy.tolist()
    place = (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1)
    return place if all(map(math.isfinite, place)) else None
