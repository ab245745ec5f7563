"""What became of `--boxes`: keys that matched nothing are said, and counted in the record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shufflecam.core.missing import NOTHING_MISSING, Missing

if TYPE_CHECKING:
    from shufflecam.core.reporting import Reporter
    from shufflecam.detect.given import GivenBoxes


def note_unmatched(
    given: GivenBoxes | None, talk: Reporter, besides: Iterable[str] = (), *, whole: bool = True
) -> Missing:
    """Say which keys were of nothing, and count them.

    Args:
        given: the boxes after the run, or None where there were none.
        talk: where it is said.
        besides: names of pictures that were there and not looked at.
        whole: whether the source was gone through to its end.
    """
    if given is None:
        return NOTHING_MISSING
    keys = given.unmatched(besides, whole=whole)
    if keys:
        talk.note(given.complaint(keys))
    return Missing(unmatched_boxes=len(keys))
