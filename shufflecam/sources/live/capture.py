"""The interface common to cameras, streams and replays: one picture at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, cast

from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.types import ImageArray


@dataclass(frozen=True, eq=False)
class Grabbed:
    """A frame as delivered by the device, converted on demand."""

    to_image: Callable[[], ImageArray]
    """Returns the (H, W, 3) uint8 BGR picture; called at most once, by the consumer of the frame."""
    captured_s: float
    """Arrival time, by `time.monotonic`."""
    was_away: str = ""
    """For the first frame after a reconnection, the reason for the interruption."""
    pixel_aspect: float = 1.0
    """Width / height of one of its pixels."""


class Capture(Protocol):
    """A device or stream. `open`, `grab` and `close` are called from a single thread; all may block."""

    size: tuple[int, int]
    """(width, height) of the upright picture; known once open."""
    fps: Fraction | None
    """Nominal rate; known once open."""
    pixel_aspect: float
    """Width / height of one pixel of the first picture; known once open."""
    notes: tuple[str, ...]
    """As `SourceInfo.notes`; known once open."""

    def open(self) -> None:
        """Open the source and obtain a first picture, or raise `SourceError`."""
        ...

    def grab(self) -> Grabbed | None:
        """Return the next frame; None at the regular end. Raises `SourceBrokeOff` if the source is lost."""
        ...

    def close(self) -> None:
        """Release the device."""
        ...

    def interrupt(self) -> None:
        """Wake a `grab` that is only waiting for its due time. Callable from any thread; must not block."""
        ...


def missing_of(capture: Capture) -> Missing:
    """Return a capture's `missing`; most captures do not define it."""
    return cast(Missing, getattr(capture, "missing", NOTHING_MISSING))


def damage_of(capture: Capture) -> Missing:
    """Return a capture's `damage`; most captures do not define it."""
    return cast(Missing, getattr(capture, "damage", NOTHING_MISSING))
