"""The pictures that annotations name, found in the folder that is given.

Annotations are passed on with names that were right elsewhere: absolute paths, Windows' back-slashes, another
folder above, a sub-folder too many or too few, the other Unicode form. What a name ends in says which picture
is meant, as long as no second picture could be.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shufflecam.core.names import ByEnd, parts_of


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


class _Tree:
    """All files below a folder; looked for only once a name is not where it should be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: ByEnd[Path] | None = None

    def find(self, name: str) -> Path | None:
        """The one file that agrees with the name from the end on for the most parts; case is no matter."""
        if self._files is None:
            files = (Path(below, file) for below, _, names in os.walk(self._folder) for file in names)
            self._files = ByEnd((path.relative_to(self._folder).as_posix(), path) for path in files)
        return self._files.find(name)
