"""Integer ids of pictures for COCO results: unique, at most 63 bits, and traceable to the pictures."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from shufflecam.core.names import ByEnd
from shufflecam.core.words import are, counted

LARGEST = (1 << 63) - 1
"""pycocotools and tables hold ids in signed 64-bit integers."""


@dataclass(frozen=True)
class ImageIds:
    """The ids of pictures, in the pictures' order."""

    names: tuple[str, ...]
    """The pictures' names in the record; a name may occur more than once."""
    ids: tuple[int, ...]
    """One for each name, all different."""
    annotated: int = 0
    """How many come from annotations."""
    from_names: bool = False
    """Whether the others are the last number in each name, as in COCO."""

    @property
    def numbered(self) -> int:
        """How many ids follow neither from the annotations nor from the names."""
        return 0 if self.from_names else len(self.names) - self.annotated

    def said(self) -> str | None:
        """A sentence for the user where ids follow from neither names nor annotations; else None."""
        if not self.numbered:
            return None
        if self.annotated:
            every = counted(len(self.names), "picture")
            few = f"{self.numbered} of {every} {are(self.numbered)} not in the annotations"
            return f"{few}, so they got ids that these do not use"
        why = "the numbers at the end of their names do not tell all of them apart"
        return f"image_id is each picture's place, counted from 1: {why}"


def number_pictures(names: Sequence[str], annotated: Mapping[str, int] | None = None) -> ImageIds:
    """Assign unique ids to pictures.

    Args:
        names: of all pictures, as records call them.
        annotated: file name -> id of annotations, all different. A picture matches the entry of its name, or
            the only one with the same ending of the path; others get ids that the annotations do not use.

    Returns:
        The annotations' ids; for the others the last number in their names (`COCO_val2014_000000000042.jpg`
        -> 42) where every name has one and all are different and within 63 bits, else 1, 2, 3, ...
    """
    known = _annotated(names, annotated or {})
    others = [place for place in range(len(names)) if place not in known]
    used = set((annotated or {}).values())
    guessed = [_last_number(names[place]) for place in others]
    plain = [number for number in guessed if number is not None and number not in used]
    from_names = len(set(plain)) == len(others)
    free = (number for number in itertools.count(1) if number not in used)
    rest = iter(plain) if from_names else free
    ids = tuple(known[place] if place in known else next(rest) for place in range(len(names)))
    return ImageIds(tuple(names), ids, len(known), from_names)


class IdsInTurn:
    """Returns each picture's id once, in the pictures' order; pictures may be skipped."""

    def __init__(self, ids: ImageIds | None) -> None:
        """Without `ids` the pictures are numbered from 1 in the order of arrival."""
        self._waiting: dict[str, Iterator[int]] | None = None
        self._count = itertools.count(1)
        if ids is not None:
            of_name: dict[str, list[int]] = {}
            for name, number in zip(ids.names, ids.ids, strict=True):
                of_name.setdefault(name, []).append(number)
            self._waiting = {name: iter(numbers) for name, numbers in of_name.items()}
            self._count = itertools.count(max(ids.ids, default=0) + 1)

    def take(self, name: str) -> int:
        """Return the picture's id."""
        waiting = iter(()) if self._waiting is None else self._waiting.get(name, iter(()))
        number = next(waiting, None)
        return next(self._count) if number is None else number


def _annotated(names: Sequence[str], annotated: Mapping[str, int]) -> dict[int, int]:
    """Index of a picture -> its annotated id; an entry that several pictures match belongs to none."""
    exact: dict[int, int] = {}
    taken: set[int] = set()
    for place, name in enumerate(names):
        if name in annotated and annotated[name] not in taken:  # a name may occur again
            exact[place] = annotated[name]
            taken.add(annotated[name])
    by_end = ByEnd(annotated.items())
    claims: dict[int, list[int]] = {}
    for place, name in enumerate(names):
        if place not in exact and (number := by_end.find(name)) is not None and number not in taken:
            claims.setdefault(number, []).append(place)
    return exact | {places[0]: number for number, places in claims.items() if len(places) == 1}


def _last_number(name: str) -> int | None:
    digits = re.findall(r"[0-9]+", PurePosixPath(name).stem)
    if not digits or len(digits[-1].lstrip("0")) > len(str(LARGEST)):
        return None
    number = int(digits[-1])
    return number if number <= LARGEST else None
