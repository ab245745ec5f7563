"""Counts of what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from shufflecam.core.missing import NOTHING_MISSING, Missing


def test_counts_are_of_what_is_missing_only_and_come_back() -> None:
    missing = Missing(damaged=2, lost=30)
    assert missing.counts() == {"damaged": 2, "lost": 30}
    assert Missing.from_counts(missing.counts()) == missing
    assert missing + Missing(lost=1, unreadable=4) == Missing(damaged=2, lost=31, unreadable=4)
    assert str(missing) == "2 damaged, 30 lost"
    assert str(Missing(unmatched_boxes=1)) == "1 unmatched box"
    assert str(Missing(unmatched_boxes=2)) == "2 unmatched boxes"


def test_nothing_is_false_and_says_so() -> None:
    assert not NOTHING_MISSING
    assert Missing(unsupported=1)
    assert NOTHING_MISSING.counts() == {}
    assert str(NOTHING_MISSING) == "nothing"


@pytest.mark.parametrize("counts", [None, 3, [], {"lost": -1}, {"lost": True}, {"lost": "2"}, {"other": 5}])
def test_what_is_no_count_of_a_known_kind_is_left_out(counts: Any) -> None:
    assert Missing.from_counts(counts) == NOTHING_MISSING
