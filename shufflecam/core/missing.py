"""Counts of missing input by kind: the record footer's `"missing"`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from shufflecam.core.words import counted


@dataclass(frozen=True)
class Missing:
    """Counts of missing input by kind; falsy if nothing is missing. Instances can be added.

    A source reports it as its property `missing`; `pipeline.run.run_pipeline` passes it to every sink's
    `close`, and records store it in their footer. A record with anything missing is incomplete.
    """

    damaged: int = 0
    """Video frames that were output although the decoder had to conceal errors in them."""
    undecodable: int = 0
    """Video frames whose data is present but cannot be decoded."""
    lost: int = 0
    """Video frames that the index, header or counters declare but that are absent."""
    unsupported: int = 0
    """Picture files in a folder whose format is not supported."""
    unreadable: int = 0
    """Files in a folder that are broken or not permitted to be read."""
    unmatched_boxes: int = 0
    """Keys of `--boxes` that match no frame."""

    def __bool__(self) -> bool:
        """Whether anything is missing."""
        return any(getattr(self, field.name) for field in fields(self))

    def __add__(self, other: Missing) -> Missing:
        """The sum of both, kind by kind."""
        names = (field.name for field in fields(self))
        return Missing(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def counts(self) -> dict[str, int]:
        """Return kind -> count for the non-zero kinds, in the order above."""
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
        """The inverse of `counts`; unknown kinds and invalid counts are ignored."""
        if not isinstance(counts, Mapping):
            return cls()
        kinds = {field.name for field in fields(cls)}
        return cls(**{kind: n for kind, n in counts.items() if kind in kinds and _is_count(n)})


NOTHING_MISSING = Missing()
"""The value for a complete input."""


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
