"""What became of `--boxes`: keys that matched nothing are said, and counted in the record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shufflecam.core.missing import NOTHING_MISSING, Missing

if TYPE_CHECKING:
    from shufflecam.core.protocols import PersonDetector
    from shufflecam.core.reporting import Reporter


def note_unmatched(
    detector: str | PersonDetector, talk: Reporter, besides: Iterable[str] = (), *, whole: bool = True
) -> Missing:
    """Say which keys were of nothing, and count them.

    Args:
        detector: of the settings after the run; nothing is said where it is not a file of boxes.
        talk: where it is said.
        besides: names of pictures that were there and not looked at.
        whole: whether the source was gone through to its end.
    """
    from shufflecam.detect.given import GivenBoxes

    if not isinstance(detector, GivenBoxes):
        return NOTHING_MISSING
    keys = detector.unmatched(besides, whole=whole)
    if keys:
        talk.note(detector.complaint(keys))
    return Missing(unmatched_boxes=len(keys))
