"""Locates the pictures named by annotations in a folder.

Annotations circulate with names that were valid elsewhere: absolute paths, Windows backslashes, another
parent folder, a subfolder too many or too few, the other Unicode normalization form. The end of a name
identifies the picture, as long as it is unambiguous.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shufflecam.core.names import ByEnd, parts_of


@dataclass(frozen=True)
class Found:
    """The pictures' paths."""

    paths: dict[str, Path]
    """Name as annotated -> file; names that match no file, or are ambiguous, are absent."""
    by_end: tuple[str, ...]
    """Names that are not paths below the folder as stated: matched by their end."""

    def note(self, what: str) -> str | None:
        """Return one sentence about the names that were matched by their end, or None."""
        if not self.by_end:
            return None
        first = self.by_end[0]
        names = "one file name" if len(self.by_end) == 1 else f"{len(self.by_end)} file names"
        return f"{what}: {names} taken by what they end in, such as {first} for {self.paths[first]}"


def find_annotated(names: Iterable[str], folder: Path) -> Found:
    """Return the files that `names` denote.

    A name that is a path below the folder denotes that file. Any other one denotes the file whose path shares
    the most trailing parts with it; if two names denote the same file, or one name two files, none is used.
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
    """Return the longest end of the name that is a path below the folder, or None."""
    parts = parts_of(name)
    paths = (folder.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((path for path in paths if _is_file(path)), None)


def _is_below(name: str, folder: Path) -> bool:
    """Whether the path lies within the folder, or is relative to it."""
    return not os.path.isabs(name) or Path(name).is_relative_to(folder.absolute())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or with a null byte in it
        return False


class _Tree:
    """All files below a folder; listed only once a name is not found at its path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: ByEnd[Path] | None = None

    def find(self, name: str) -> Path | None:
        """Return the one file that shares the most trailing parts with the name, ignoring case, or None."""
        if self._files is None:
            files = (Path(below, file) for below, _, names in os.walk(self._folder) for file in names)
            self._files = ByEnd((path.relative_to(self._folder).as_posix(), path) for path in files)
        return self._files.find(name)
