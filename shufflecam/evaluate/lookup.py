"""The pictures that annotations name, found in the folder that is given.

Annotations are passed on with names that were right elsewhere: absolute paths, Windows' back-slashes, another
folder above, a sub-folder too many or too few, the other Unicode form. What a name ends in says which picture
is meant, as long as no second picture could be.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path


@dataclass(frozen=True)
class Found:
    """Where the pictures are."""

    paths: dict[str, Path]
    """Name as annotated -> the file; names that mean no file, or not one alone, are not in it."""
    by_end: tuple[str, ...]
    """The names that are not paths below the folder as they stand: found by what they end in."""

    def note(self, what: str) -> str | None:
        """One sentence about the names that were not taken as they stand, or None."""
        if not self.by_end:
            return None
        first = self.by_end[0]
        names = "one file name" if len(self.by_end) == 1 else f"{len(self.by_end)} file names"
        return f"{what}: {names} taken by what they end in, such as {first} for {self.paths[first]}"


def find_annotated(names: Iterable[str], folder: Path) -> Found:
    """The files that `names` mean.

    A name that is a path below the folder is that file. Any other one is the file whose path agrees with it
    from the end on for the most parts; where two names would mean the same file, or a name two files, none is
    taken.
    """
    paths: dict[str, Path] = {}
    claims: dict[Path, list[str]] = {}
    tree = _Tree(folder)
    for name in dict.fromkeys(names):
        if _is_below(name, folder) and _is_file(folder / name):
            paths[name] = folder / name
        elif (path := _shortened(name, folder) or tree.find(name)) is not None:
            claims.setdefault(path, []).append(name)
        elif _is_file(Path(name)) and os.path.isabs(name):
            paths[name] = Path(name)
    taken = set(paths.values())
    by_end = {who[0]: path for path, who in claims.items() if len(who) == 1 and path not in taken}
    return Found(paths | by_end, tuple(by_end))


def parts_of(name: str) -> list[str]:
    """Folders and base name, whatever system or address wrote it."""
    bare = re.sub(r"^(?:[A-Za-z][\w+.-]*://[^/]*|[A-Za-z]:)", "", name.replace("\\", "/"))
    return [part for part in bare.split("/") if part not in ("", ".", "..")]


def _shortened(name: str, folder: Path) -> Path | None:
    """The longest end of the name that is a path below the folder."""
    parts = parts_of(name)
    paths = (folder.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((path for path in paths if _is_file(path)), None)


def _is_below(name: str, folder: Path) -> bool:
    """Whether it is a path within the folder, or relative to it."""
    return not os.path.isabs(name) or Path(name).is_relative_to(folder.absolute())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero in it
        return False


def _alike(part: str) -> str:
    return unicodedata.normalize("NFC", part).casefold()


class _Tree:
    """All files below a folder, by base name; looked for only once a name is not where it should be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path | None:
        """The one file that agrees with the name from the end on for the most parts; case is no matter."""
        wanted = [_alike(part) for part in reversed(parts_of(name))]
        if not wanted:
            return None
        if self._files is None:
            self._files = {}
            for below, _, files in os.walk(self._folder):
                for file in files:
                    self._files.setdefault(_alike(file), []).append(Path(below, file))
        ranked: dict[int, list[Path]] = {}
        for path in self._files.get(wanted[0], []):
            parts = [_alike(part) for part in reversed(path.relative_to(self._folder).parts)]
            pairs = zip(parts, wanted, strict=False)
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            ranked.setdefault(same, []).append(path)
        best = ranked[max(ranked)] if ranked else []
        return best[0] if len(best) == 1 else None
