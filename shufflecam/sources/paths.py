"""Resolve files, folders, glob patterns and lists of paths to pictures or videos, as ordered (path, name)."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from shufflecam.core.addresses import is_address
from shufflecam.core.errors import SourceError
from shufflecam.core.reasons import reason
from shufflecam.core.text import as_meant, in_any_form, list_of_paths
from shufflecam.sources.addresses import not_a_file
from shufflecam.sources.kinds import PICTURE_EXTENSIONS, UNSUPPORTED_EXTENSIONS, advice, has_known_head

VIDEO_EXTENSIONS = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv",
    ".3gp", ".ogv",
)  # fmt: skip
"""Extensions of videos in a folder search; a file given explicitly may have any extension."""


@dataclass(frozen=True)
class Kind:
    """The kind of file to search for."""

    noun: str
    extensions: Collection[str]
    unsupported: Collection[str] = ()
    """Extensions of that kind that are not supported; reported when a folder is searched."""


PICTURE = Kind("picture", PICTURE_EXTENSIONS, UNSUPPORTED_EXTENSIONS)
VIDEO = Kind("video", VIDEO_EXTENSIONS)


@dataclass(frozen=True)
class PicturePath:
    """A picture or video to read."""

    path: str
    """Path to open it."""
    name: str
    """Name in records: relative to the given folder, with forward slashes; a given file's base name."""


@dataclass(frozen=True)
class LeftOut:
    """An item found in a searched folder that cannot be used."""

    path: str
    reason: str | None = None
    """Why it is inaccessible (for a subfolder); None: a picture of an unsupported format."""


OnLeftOut = Callable[[LeftOut], None]


def find_pictures(
    arguments: Sequence[str | os.PathLike[str]],
    recursive: bool = False,
    on_left_out: OnLeftOut | None = None,
) -> list[PicturePath]:
    """Return the pictures that `arguments` refer to: as `find_files`, with "-" for paths on standard input.

    Those are separated by newlines or NULs, in any encoding supported by `core.text`.
    """
    return find_files(arguments, recursive, PICTURE, on_left_out=on_left_out)


def find_files(
    arguments: Sequence[str | os.PathLike[str]],
    recursive: bool = False,
    kind: Kind = PICTURE,
    besides: str | os.PathLike[str] | None = None,
    on_left_out: OnLeftOut | None = None,
) -> list[PicturePath]:
    """Return the files that `arguments` refer to, in argument order without duplicates.

    Accepts files, folders (naturally sorted; with `recursive`, including subfolders) and glob patterns not
    expanded by the shell. Duplicate names are made relative to the files' common folder.

    Args:
        arguments: paths and glob patterns.
        recursive: whether to search subfolders.
        kind: the kind of file to search for in folders.
        besides: a folder to skip inside a searched one: the output folder.
        on_left_out: called for each item in a folder that cannot be used.

    Raises:
        SourceError: an argument does not exist, or a pattern or folder contains no such file.
    """
    found: list[PicturePath] = []
    searched = _Search(recursive, kind, besides)
    for argument in arguments:
        text = os.fspath(argument)
        if text == "-" and kind is PICTURE:
            found += _from_stdin()
        else:
            found += searched.named(text)
    first = {os.path.abspath(item.path): item for item in reversed(found)}
    files = [item for item in found if first[os.path.abspath(item.path)] is item]
    if not files:
        raise SourceError(searched.why_nothing())
    for left_out in searched.left_out:
        if on_left_out is not None:
            on_left_out(left_out)
    return _told_apart(files)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Return a natural sort key, case-insensitive, which sorts img2 before img10."""
    parts = re.split(r"(\d+)", text.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


class _Search:
    """Resolves the arguments of one call, and collects unusable and other files found on the way."""

    def __init__(self, recursive: bool, kind: Kind, besides: str | os.PathLike[str] | None) -> None:
        self._recursive = recursive
        self._kind = kind
        self._besides = os.path.realpath(besides) if besides is not None else None
        self.left_out: list[LeftOut] = []
        self._folders: list[str] = []
        self._others: Counter[str] = Counter()

    def named(self, text: str) -> list[PicturePath]:
        """Return the files that one argument refers to. Raises SourceError if there are none."""
        if os.path.isdir(text):
            return self._in_folder(text)
        if os.path.lexists(text):
            return [PicturePath(text, os.path.basename(text))]
        if is_address(text):
            raise not_a_file(text)
        if glob.has_magic(text):
            matches = [path for path in glob.glob(text, recursive=True) if os.path.isfile(path)]
            if not matches:
                raise SourceError(f"No file matches {text}; check the pattern.")
            return [PicturePath(path, os.path.basename(path)) for path in sorted(matches, key=natural_key)]
        there = in_any_form(text)
        if there is not None:
            return self.named(there)
        raise SourceError(f"There is no file or folder {text}; check the path.")

    def why_nothing(self) -> str:
        """Return the error message for folders without a usable file, with what they contain instead."""
        if not self._folders:
            return f"There is no {self._kind.noun} to read: no path was given."
        noun, where = self._kind.noun, ", ".join(self._folders[:3])
        folder = "the folder" if len(self._folders) == 1 else "the folders"
        closed = next((item for item in self.left_out if item.reason), None)
        kinds = Counter(_extension(item.path) for item in self.left_out if not item.reason)
        if kinds:
            what = f"{_counted(kinds)}: {advice(kinds)}"
            return f"There is no {noun} in {folder} {where} that can be read, only {what}."
        if closed is not None:
            return f"There is no {noun} in {folder} {where} that can be read: {closed.reason}"
        inside = f"; it holds {_counted(self._others)}" if self._others else ""
        deeper = "" if self._recursive else " (folders in it are searched with --recursive)"
        return f"There is no {noun} in {folder} {where}{deeper}{inside}."

    def _in_folder(self, text: str) -> list[PicturePath]:
        self._folders.append(text)
        besides = None if self._besides == os.path.realpath(text) else self._besides  # else refused elsewhere
        names = sorted(
            self._walk(text, besides), key=lambda name: [natural_key(part) for part in name.split("/")]
        )
        if not names and not self.left_out:
            raise SourceError(self.why_nothing())
        return [PicturePath(os.path.join(text, *name.split("/")), name) for name in names]

    def _walk(self, folder: str, besides: str | None) -> Iterator[str]:
        """Yield the relative names of the files in `folder`, with forward slashes, except hidden ones."""
        seen: set[str] = {besides} if besides is not None else set()
        waiting = [""]
        while waiting:
            below = waiting.pop()
            here = os.path.join(folder, *below.split("/")) if below else folder
            real = os.path.realpath(here)
            if real in seen:  # a link back to a parent folder
                continue
            seen.add(real)
            try:
                entries = list(os.scandir(here))
            except OSError as error:
                closed = f"The folder {here} cannot be read: {reason(error)}."
                if not below:
                    raise SourceError(closed) from error
                self.left_out.append(LeftOut(here, closed))
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = f"{below}/{entry.name}" if below else entry.name
                if entry.is_dir():
                    if self._recursive:
                        waiting.append(name)
                elif self._is_wanted(entry.path):
                    yield name

    def _is_wanted(self, path: str) -> bool:
        extension = _extension(path)
        if extension in self._kind.extensions:
            return True
        if extension in self._kind.unsupported:
            if has_known_head(path):  # a JPEG with a wrong extension
                return True
            self.left_out.append(LeftOut(path))
        else:
            self._others[extension] += 1
        return False


def _extension(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _counted(kinds: Counter[str]) -> str:
    said = [f"{count} {extension or 'without an extension'}" for extension, count in kinds.most_common(4)]
    more = sum(kinds.values()) - sum(count for _, count in kinds.most_common(4))
    return ", ".join([*said, *([f"{more} others"] if more else [])])


def unsupported_in(left_out: Sequence[LeftOut]) -> str | None:
    """Return one sentence on the pictures of unsupported formats; None if there are none."""
    kinds = Counter(_extension(item.path) for item in left_out if not item.reason)
    if not kinds:
        return None
    count = sum(kinds.values())
    which = "1 picture is" if count == 1 else f"{count} pictures are"
    return f"{which} left out ({_counted(kinds)}): {advice(kinds)}."


def _from_stdin() -> list[PicturePath]:
    if sys.stdin is None:
        raise SourceError("Standard input is closed; pipe paths in, one a line, as find does.")
    data = sys.stdin.buffer.read()
    paths = [as_meant(line) for line in list_of_paths(data)]
    if not paths:
        raise SourceError("Standard input gave no path; pipe in one a line, as find does.")
    return [PicturePath(path, os.path.basename(path)) for path in paths]


def _told_apart(pictures: list[PicturePath]) -> list[PicturePath]:
    """Return the same pictures with unique names."""
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
    # A name from another argument still collides: absolute paths cannot.
    return [replace(item, name=_relative(item.path, os.sep)) for item in pictures]


def _relative(path: str, folder: str) -> str:
    whole = os.path.abspath(path)
    if folder:
        whole = os.path.relpath(whole, folder)
    return os.path.splitdrive(whole)[1].replace(os.sep, "/").lstrip("/")
