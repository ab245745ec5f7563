"""Data sets of annotated pictures, as specified on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shufflecam.core.errors import UsageError


@dataclass(frozen=True)
class SetSpec:
    """One data set on disk."""

    annotations: Path
    images: Path
    weight: float = 1.0
    """How often each of its people is drawn in an epoch: 2 is twice, 0.5 is every other epoch."""

    @classmethod
    def parse(cls, text: str) -> SetSpec:
        """Parse `ANNOTATIONS:IMAGES` or `ANNOTATIONS:IMAGES:WEIGHT`.

        Raises:
            UsageError: the text is neither.
        """
        parts = text.split(":")
        if len(parts) not in (2, 3) or not all(parts):
            raise UsageError(f"{text!r} is not ANNOTATIONS:IMAGES[:WEIGHT].")
        try:
            weight = float(parts[2]) if len(parts) == 3 else 1.0
        except ValueError:
            weight = -1.0
        if not 0 < weight <= 1000:
            raise UsageError(f"The weight in {text!r} is not a number above 0.")
        return cls(Path(parts[0]), Path(parts[1]), weight)
