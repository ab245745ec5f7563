"""Counts and lists in English."""

from __future__ import annotations

from collections.abc import Sequence

PLURALS = {"person": "people", "box": "boxes", "entry": "entries", "pass": "passes"}
"""Nouns with an irregular plural."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 person`, `2 people`, `0 frames`.

    Args:
        number: how many.
        noun: the singular, possibly with words before it (`whole frame`).
    """
    if number == 1:
        return f"{number} {noun}"
    before, _, last = noun.rpartition(" ")
    plural = PLURALS.get(last, f"{last}s")
    return f"{number} {before} {plural}" if before else f"{number} {plural}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Join words as `a, b and c`; `last` is the conjunction before the last one."""
    *others, end = words
    return f"{', '.join(others)} {last} {end}" if others else end


def are(number: int) -> str:
    """Return `is` for one, else `are`."""
    return "is" if number == 1 else "are"
