"""Numbers of things as people say them."""

from __future__ import annotations

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


def are(number: int) -> str:
    """`is` for one, else `are`."""
    return "is" if number == 1 else "are"
