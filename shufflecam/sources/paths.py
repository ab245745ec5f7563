"""Which pictures are meant: files, folders, patterns and lists of paths to (path, name) pairs in order."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shufflecam.core.errors import SourceError
from shufflecam.sources.picture import PICTURE_EXTENSIONS


@dataclass(frozen=True)
class PicturePath:
    """A picture to read."""

    path: str
    """To open it."""
    name: str
    """What records call it: relative to the folder given, forward slashes; the base name of a file given."""


def find_pictures(arguments: Sequence[str | os.PathLike[str]], recursive: bool = False) -> list[PicturePath]:
    """Every picture that `arguments` mean, in the order given, folders in natural order; each file once.

    Files, folders (with `recursive` what is below them, too), patterns that the shell left alone, and
    "-" for paths on standard input, one a line or NUL-separated. Names that would occur twice become
    relative to the folder that holds all of them.

    Raises:
        SourceError: an argument that is not there, a pattern or folder without a picture.
    """
    found: list[PicturePath] = []
    for argument in arguments:
        text = os.fspath(argument)
        found += _from_stdin() if text == "-" else _from_argument(text, recursive)
    first = {os.path.abspath(item.path): item for item in reversed(found)}
    pictures = [item for item in found if first[os.path.abspath(item.path)] is item]
    if not pictures:
        raise SourceError("There is no picture to read: no path was given.")
    return _told_apart(pictures)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sorts img2 before img10, whatever the case."""
    parts = re.split(r"(\d+)", text.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _from_argument(text: str, recursive: bool) -> list[PicturePath]:
    if os.path.isdir(text):
        names = sorted(
            _walk(text, recursive), key=lambda name: [natural_key(part) for part in name.split("/")]
        )
        if not names:
            deeper = "" if recursive else " (folders in it are searched with --recursive)"
            raise SourceError(f"There is no picture in the folder {text}{deeper}.")
        return [PicturePath(os.path.join(text, *name.split("/")), name) for name in names]
    if os.path.lexists(text):
        return [PicturePath(text, os.path.basename(text))]
    if glob.has_magic(text):
        matches = [path for path in glob.glob(text, recursive=True) if os.path.isfile(path)]
        if not matches:
            raise SourceError(f"No file matches {text}; check the pattern.")
        return [PicturePath(path, os.path.basename(path)) for path in sorted(matches, key=natural_key)]
    raise SourceError(f"There is no file or folder {text}; check the path.")


def _walk(folder: str, recursive: bool) -> Iterable[str]:
    """Names of the pictures in `folder`, relative, with forward slashes; hidden ones are left out."""
    seen: set[str] = set()
    waiting = [""]
    while waiting:
        below = waiting.pop()
        here = os.path.join(folder, *below.split("/")) if below else folder
        real = os.path.realpath(here)
        if real in seen:  # a link that leads back up
            continue
        seen.add(real)
        try:
            entries = list(os.scandir(here))
        except OSError as error:
            if not below:
                raise SourceError(f"The folder {folder} cannot be read: {error.strerror}.") from error
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir():
                if recursive:
                    waiting.append(name)
            elif os.path.splitext(entry.name)[1].lower() in PICTURE_EXTENSIONS:
                yield name


def _from_stdin() -> list[PicturePath]:
    data = sys.stdin.buffer.read()
    lines = data.split(b"\0") if b"\0" in data else data.splitlines()
    paths = [os.fsdecode(line) for line in lines if line.strip()]
    if not paths:
        raise SourceError("Standard input gave no path; pipe in one a line, as find does.")
    return [PicturePath(path, os.path.basename(path)) for path in paths]


def _told_apart(pictures: list[PicturePath]) -> list[PicturePath]:
    """The same pictures under names of which none occurs twice."""
    for _ in range(2):
        counts: dict[str, int] = {}
        for item in pictures:
            counts[item.name] = counts.get(item.name, 0) + 1
        twice = [item for item in pictures if counts[item.name] > 1]
        if not twice:
            return pictures
        folders = {os.path.dirname(os.path.abspath(item.path)) for item in twice}
        shared = os.path.commonpath(folders) if len({os.path.splitdrive(f)[0] for f in folders}) == 1 else ""
        pictures = [
            replace(item, name=_relative(item.path, shared)) if counts[item.name] > 1 else item
            for item in pictures
        ]
    # A name given by another argument is in the way still: whole paths cannot collide.
    return [replace(item, name=_relative(item.path, os.sep)) for item in pictures]


def _relative(path: str, folder: str) -> str:
    whole = os.path.abspath(path)
    if folder:
        whole = os.path.relpath(whole, folder)
    return os.path.splitdrive(whole)[1].replace(os.sep, "/").lstrip("/")
