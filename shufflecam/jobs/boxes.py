"""Unmatched keys of `--boxes`: reported, and counted in the record."""

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
    """Report the keys without a match, and return their count.

    Args:
        detector: of the settings after the run; nothing is reported unless it is a boxes file.
        talk: receives the report.
        besides: names of pictures that existed and were not processed.
        whole: whether the source was read to its end.
    """
    from shufflecam.detect.given import GivenBoxes

    if not isinstance(detector, GivenBoxes):
        return NOTHING_MISSING
    keys = detector.unmatched(besides, whole=whole)
    if keys:
        talk.note(detector.complaint(keys))
    return Missing(unmatched_boxes=len(keys))
