"""What a run should have had and has not, counted by kind: the footer's `"missing"`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from shufflecam.core.words import counted


@dataclass(frozen=True)
class Missing:
    """Counts by kind, all 0 where nothing is missing; false then. Two of them add up.

    A source tells it as its property `missing`; `pipeline.run.run_pipeline` hands it to every sink's `close`,
    and records have it in their footer. Whatever is missing makes a record incomplete.
    """

    damaged: int = 0
    """Pictures of a video that were given though the decoder had to guess parts of them."""
    undecodable: int = 0
    """Pictures of a video whose data was there and could not be decoded."""
    lost: int = 0
    """Pictures of a video that its index, header or counters promise and that are not there."""
    unsupported: int = 0
    """Files of a folder that are pictures of a kind which cannot be read here."""
    unreadable: int = 0
    """Files of a folder that are broken or may not be read."""
    unmatched_boxes: int = 0
    """Keys of `--boxes` that no frame has."""

    def __bool__(self) -> bool:
        """Whether anything is missing."""
        return any(getattr(self, field.name) for field in fields(self))

    def __add__(self, other: Missing) -> Missing:
        """The counts of both."""
        names = (field.name for field in fields(self))
        return Missing(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def counts(self) -> dict[str, int]:
        """Kind -> count, of the kinds that are missing, in the order above."""
        counts = {field.name: int(getattr(self, field.name)) for field in fields(self)}
        return {kind: count for kind, count in counts.items() if count}

    def __str__(self) -> str:
        """For people: `2 undecodable, 1 lost`; `nothing`."""
        said = (
            counted(count, "unmatched box") if kind == "unmatched_boxes" else f"{count} {kind}"
            for kind, count in self.counts().items()
        )
        return ", ".join(said) or "nothing"

    @classmethod
    def from_counts(cls, counts: Any) -> Missing:
        """The reverse of `counts`: kinds that are not known, and what is no count, are left out."""
        if not isinstance(counts, Mapping):
            return cls()
        kinds = {field.name for field in fields(cls)}
        return cls(**{kind: n for kind, n in counts.items() if kind in kinds and _is_count(n)})


NOTHING_MISSING = Missing()
"""What is missing where all is there."""


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
