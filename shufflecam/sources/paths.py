"""Which pictures or videos are meant: files, folders, patterns, lists of paths, as (path, name) in order."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from shufflecam.core.errors import SourceError
from shufflecam.sources.picture import PICTURE_EXTENSIONS

VIDEO_EXTENSIONS = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv",
    ".3gp", ".ogv",
)  # fmt: skip
"""What counts as a video in a folder; a file that is named itself may end as it likes."""


@dataclass(frozen=True)
class Kind:
    """What is looked for."""

    noun: str
    extensions: Collection[str]


PICTURE = Kind("picture", PICTURE_EXTENSIONS)
VIDEO = Kind("video", VIDEO_EXTENSIONS)


@dataclass(frozen=True)
class PicturePath:
    """A picture or video to read."""

    path: str
    """To open it."""
    name: str
    """What records call it: relative to the folder given, forward slashes; the base name of a file given."""


def find_pictures(arguments: Sequence[str | os.PathLike[str]], recursive: bool = False) -> list[PicturePath]:
    """Every picture that `arguments` mean: `find_files`, and "-" for paths on standard input.

    Those are one a line or NUL-separated.
    """
    return find_files(arguments, recursive, PICTURE)


def find_files(
    arguments: Sequence[str | os.PathLike[str]],
    recursive: bool = False,
    kind: Kind = PICTURE,
    besides: str | os.PathLike[str] | None = None,
) -> list[PicturePath]:
    """Every file that `arguments` mean, in the order given, folders in natural order; each file once.

    Files, folders (with `recursive` what is below them, too) and patterns that the shell left alone. Names
    that would occur twice become relative to the folder that holds all of them.

    Args:
        arguments: paths and patterns.
        recursive: whether folders in folders are searched.
        kind: what is looked for in folders.
        besides: a folder whose files do not count where they are found in another one: the outputs'.

    Raises:
        SourceError: an argument that is not there, a pattern or folder without such a file.
    """
    found: list[PicturePath] = []
    for argument in arguments:
        text = os.fspath(argument)
        if text == "-" and kind is PICTURE:
            found += _from_stdin()
        else:
            found += _from_argument(text, recursive, kind, besides)
    first = {os.path.abspath(item.path): item for item in reversed(found)}
    files = [item for item in found if first[os.path.abspath(item.path)] is item]
    if not files:
        raise SourceError(f"There is no {kind.noun} to read: no path was given.")
    return _told_apart(files)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sorts img2 before img10, whatever the case."""
    parts = re.split(r"(\d+)", text.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _from_argument(
    text: str, recursive: bool, kind: Kind, besides: str | os.PathLike[str] | None
) -> list[PicturePath]:
    if os.path.isdir(text):
        left_out = os.path.realpath(besides) if besides is not None else None
        if left_out == os.path.realpath(text):
            left_out = None  # meant: outputs that would replace their inputs are refused elsewhere
        names = sorted(
            _walk(text, recursive, kind, left_out),
            key=lambda name: [natural_key(part) for part in name.split("/")],
        )
        if not names:
            deeper = "" if recursive else " (folders in it are searched with --recursive)"
            raise SourceError(f"There is no {kind.noun} in the folder {text}{deeper}.")
        return [PicturePath(os.path.join(text, *name.split("/")), name) for name in names]
    if os.path.lexists(text):
        return [PicturePath(text, os.path.basename(text))]
    if glob.has_magic(text):
        matches = [path for path in glob.glob(text, recursive=True) if os.path.isfile(path)]
        if not matches:
            raise SourceError(f"No file matches {text}; check the pattern.")
        return [PicturePath(path, os.path.basename(path)) for path in sorted(matches, key=natural_key)]
    raise SourceError(f"There is no file or folder {text}; check the path.")


def _walk(folder: str, recursive: bool, kind: Kind, left_out: str | None) -> Iterable[str]:
    """Names of the files in `folder`, relative, with forward slashes; hidden ones are left out."""
    seen: set[str] = {left_out} if left_out is not None else set()
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
            elif os.path.splitext(entry.name)[1].lower() in kind.extensions:
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
