"""How much of a record one id covers, and which id may continue it: ids are lost and assigned anew."""

from __future__ import annotations

import math

from shufflecam.core.words import counted
from shufflecam.records.summary import PersonSummary, RecordSummary

JOIN_S = 2.0
"""An id that begins at most this long after another one ends may be the same person."""
OVERLAP_S = 0.5
"""A new id may begin this long before the old one is dropped."""
ENDS_EARLY_S = 0.5
"""An id that is missing for less than this at either end of the record counts as covering it."""


def goes_on(found: RecordSummary, number: int | None) -> int | None:
    """Return the id that may continue this one, which ends before the record does; None: there is none.

    Of several candidates, the one that begins nearest in place and time to where this one was last seen.
    Without tracking there is none.
    """
    if number is None:
        return None
    person = found.people[number]
    if found.last_s - person.last_s <= ENDS_EARLY_S:
        return None
    after = {
        other: one
        for other, one in found.people.items()
        if other not in (None, number)
        and person.last_s - OVERLAP_S <= one.first_s <= person.last_s + JOIN_S
        and one.last_s > person.last_s
    }
    return min(after, key=lambda other: _far(person, after[other]), default=None)


def coverage(found: RecordSummary, number: int | None) -> str:
    """Describe in one sentence how much of the record this id covers, and which id may continue it."""
    person = found.people[number]
    who = "somebody is in" if number is None else f"person {number} covers"
    words = f"{who} {found.share(number):.0%} of the record, "
    if not found.seconds:
        return words + f"{person.frames} of {counted(found.frames, 'frame')}"
    words += f"{person.seconds:.1f} of {found.seconds:.1f} s ({person.first_s:.2f} to {person.last_s:.2f} s)"
    if number is None or found.last_s - person.last_s <= ENDS_EARLY_S:
        return words
    heir = goes_on(found, number)
    if heir is None:
        return f"{words}; nobody begins where they end"
    return f"{words}; where they end person {heir} goes on, from {found.people[heir].first_s:.2f} s"


def untracked(found: RecordSummary) -> str | None:
    """Return a warning where a plot cannot separate people: several at once, without ids. Else None."""
    if found.most_people < 2 or set(found.people) != {None}:
        return None
    return (
        f"nobody in the record has an id (--no-track), and up to {found.most_people} people are in a frame: "
        "the first of each frame is taken, so lines may jump from one person to another"
    )


def _far(one: PersonSummary, other: PersonSummary) -> float:
    """The cost of continuing one id as the other: the gap in body lengths plus the gap in seconds."""
    apart_s = abs(other.first_s - one.last_s)
    if one.leaves is None or other.enters is None or one.leaves[2] <= 0:
        return math.inf
    return math.dist(one.leaves[:2], other.enters[:2]) / one.leaves[2] + apart_s
