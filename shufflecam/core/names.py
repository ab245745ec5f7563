"""Matches file names from another machine by their ends, whatever the system, case or Unicode form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import takewhile
from typing import Generic, TypeVar

T = TypeVar("T")


def parts_of(name: str) -> list[str]:
    """Split a path or address of any system into folders and base name; without drive, host, "." and ".."."""
    bare = re.sub(r"^(?:[A-Za-z][\w+.-]*://[^/]*|[A-Za-z]:)", "", name.replace("\\", "/"))
    return [part for part in bare.split("/") if part not in ("", ".", "..")]


class ByEnd(Generic[T]):
    """A lookup of named items by the end of a name."""

    def __init__(self, named: Iterable[tuple[str, T]]) -> None:
        self._by_base: dict[str, list[tuple[list[str], T]]] = {}
        for name, thing in named:
            if key := _from_end(name):
                self._by_base.setdefault(key[0], []).append((key, thing))

    def find(self, name: str) -> T | None:
        """Return the item whose name has the longest common suffix, in path components, with this one.

        None if there is none, or if several share the longest.
        """
        wanted = _from_end(name)
        ranked: dict[int, list[T]] = {}
        for key, thing in self._by_base.get(wanted[0], []) if wanted else []:
            pairs = zip(key, wanted, strict=False)
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            ranked.setdefault(same, []).append(thing)
        best = ranked[max(ranked)] if ranked else []
        return best[0] if len(best) == 1 else None


def _from_end(name: str) -> list[str]:
    return [unicodedata.normalize("NFC", part).casefold() for part in reversed(parts_of(name))]
