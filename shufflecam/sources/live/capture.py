"""What a camera, a stream and a replay have in common: one picture at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, cast

from shufflecam.core.missing import NOTHING_MISSING, Missing
from shufflecam.core.types import ImageArray


@dataclass(frozen=True, eq=False)
class Grabbed:
    """A frame as the device gave it, not necessarily converted yet."""

    to_image: Callable[[], ImageArray]
    """Makes the (H, W, 3) uint8 BGR picture; called at most once, by whoever takes the frame."""
    captured_s: float
    """`time.monotonic` when it came."""
    was_away: str = ""
    """Of the first frame after the device had gone away: why it had."""
    pixel_aspect: float = 1.0
    """Width / height of one of its pixels."""


class Capture(Protocol):
    """A device or stream. `open`, `grab` and `close` are called by one thread; all of them may block."""

    size: tuple[int, int]
    """(width, height) of the upright picture; known once open."""
    fps: Fraction | None
    """Nominal rate; known once open."""
    pixel_aspect: float
    """Width / height of one pixel of the first picture; known once open."""
    notes: tuple[str, ...]
    """As `SourceInfo.notes`; known once open."""

    def open(self) -> None:
        """Open and see a first picture, or raise `SourceError`."""
        ...

    def grab(self) -> Grabbed | None:
        """The next frame; None at the regular end. Raises `SourceBrokeOff` where it went away."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...

    def interrupt(self) -> None:
        """From any thread: make a `grab` that only waits for its time return. Must not block."""
        ...


def missing_of(capture: Capture) -> Missing:
    """A capture's `missing`; most have none."""
    return cast(Missing, getattr(capture, "missing", NOTHING_MISSING))


def damage_of(capture: Capture) -> Missing:
    """A capture's `damage`; most have none."""
    return cast(Missing, getattr(capture, "damage", NOTHING_MISSING))
