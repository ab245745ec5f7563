"""Numbers of things as people say them."""

from __future__ import annotations

from collections.abc import Sequence

PLURALS = {"person": "people", "box": "boxes", "entry": "entries", "pass": "passes"}
"""Nouns whose plural is not made with an s."""


def counted(number: int, noun: str) -> str:
    """`1 person`, `2 people`, `0 frames`.

    Args:
        number: how many.
        noun: the singular; with words before it where need be (`whole frame`).
    """
    if number == 1:
        return f"{number} {noun}"
    before, _, last = noun.rpartition(" ")
    plural = PLURALS.get(last, f"{last}s")
    return f"{number} {before} {plural}" if before else f"{number} {plural}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`; `last`: what stands before the last of several words."""
    *others, end = words
    return f"{', '.join(others)} {last} {end}" if others else end


def are(number: int) -> str:
    """`is` for one, else `are`."""
    return "is" if number == 1 else "are"
