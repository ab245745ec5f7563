"""Resolve `shufflecam in.mp4`: an input given in place of a command."""

from __future__ import annotations

import os
from collections.abc import Sequence

from shufflecam.cli.console import Terminal
from shufflecam.cli.intent import ADDRESS, FOLDER, holds, kind_of, nearest, typed
from shufflecam.core.errors import UsageError


def command_for(args: Sequence[str]) -> str | None:
    """Return the command implied by a first word that is an input; None where it is not an input.

    A video is processed at once, with a note: its output, in the current folder, never replaces a file.

    Raises:
        UsageError: an input of another kind; the message gives the command to type.
    """
    first = args[0]
    if not _is_input(first):
        return None
    kind = kind_of(first)
    if kind == "video" and all(kind_of(word) != "picture" for word in args[1:2]):
        if "--quiet" not in args:
            Terminal().note(f"{first} is a video: taken as `{typed('video', *args)}`")
        return "video"
    if kind == "folder":
        raise UsageError(f"{first} is a folder; {_of_folder(first)}")
    if kind == "picture":
        raise UsageError(f"{first} is a picture; for its skeletons type: {typed(*_images(args))}")
    if kind == "record":
        raise UsageError(
            f"{first} is a record; for what is in it type: {typed('inspect', first)} (convert, render "
            "and plot make tables, videos and plots of it)"
        )
    if kind in ("camera", "address"):
        shown = ADDRESS if kind == "address" else first
        raise UsageError(f"{shown} is a camera or a stream; type: {typed('webcam', *args)}")
    raise UsageError(
        f"{first} is no command; for a video type: {typed('video', first)}, for a picture: "
        f"{typed('images', first, '--out', FOLDER)}"
    )


def _is_input(word: str) -> bool:
    """Return whether a word is more likely a file, a folder or an address than a misspelt command."""
    from shufflecam.cli.registry import COMMANDS, OTHER_COMMANDS

    if os.path.isfile(word) or "/" in word or os.sep in word or "://" in word or "." in word:
        return True
    if word.isdecimal():
        return True
    # A folder whose name resembles a command's, such as `videos`: an existing path is taken as the input.
    return os.path.isdir(word) and nearest(word, COMMANDS, OTHER_COMMANDS) != word.lower()


def _images(args: Sequence[str]) -> list[str]:
    """Return the `images` command line with these arguments, and with an output if none is given."""
    written = any(word.split("=", 1)[0] in ("--out", "-o", "--json") for word in args)
    return ["images", *args, *([] if written else ["--out", FOLDER])]


def _of_folder(folder: str) -> str:
    """Return the command to type for a folder, depending on its contents."""
    videos, pictures = holds(folder)
    of_videos = f"for the videos in it type: {typed('video', folder, '--out', FOLDER)}"
    of_pictures = f"for the pictures in it type: {typed('images', folder, '--out', FOLDER)}"
    if videos and not pictures:
        return of_videos
    if pictures and not videos:
        return of_pictures
    return f"{of_videos} - {of_pictures}"
