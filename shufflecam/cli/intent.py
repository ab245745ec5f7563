"""Infer the user's intent: what a name refers to, and the command line to type instead."""

from __future__ import annotations

import difflib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import click

from shufflecam.records.formats import FORMATS, OWN, implied_formats, recorded_formats

Kind = Literal["video", "picture", "record", "folder", "camera", "address", ""]

ADDRESS = "ADDRESS"
"""Placeholder for a stream's address in a suggested command line: it may contain a password."""

RECORD_ENDINGS = FORMATS[OWN].endings
"""File extensions of readable records."""

RECORDED_ENDINGS = tuple(dict.fromkeys(ending for entry in recorded_formats() for ending in entry.endings))
"""File extensions of everything that --json can write, in any format."""

FOLDER = "skeletons"
"""Name of the output folder in suggested command lines."""


def kind_of(name: str) -> Kind:
    """Return what a name refers to, judged by the file system and its extension; "" if unknown."""
    from shufflecam.sources.kinds import PICTURE_EXTENSIONS
    from shufflecam.sources.paths import VIDEO_EXTENSIONS

    if "://" in name:
        return "address"
    if name.isdecimal() or name.startswith("/dev/video"):
        return "" if os.path.isfile(name) else "camera"
    if os.path.isdir(name):
        return "folder"
    ending = Path(name).suffix.lower()
    if ending in RECORD_ENDINGS:
        return "record"
    if ending in VIDEO_EXTENSIONS:
        return "video"
    if ending in PICTURE_EXTENSIONS:
        return "video" if _is_animated(name) else "picture"
    return ""


def _is_animated(name: str) -> bool:
    """Return whether an image is animated (GIF, APNG, WebP, AVIF) and so usable as a video too."""
    if Path(name).suffix.lower() not in (".gif", ".png", ".webp", ".avif"):
        return False
    from PIL import Image

    try:
        with Image.open(name) as picture:
            return getattr(picture, "n_frames", 1) > 1
    except Exception:  # reported when the file is opened for processing
        return False


def holds(folder: str) -> tuple[bool, bool]:
    """Return (has videos, has pictures) for a folder, without its subfolders."""
    from shufflecam.sources.kinds import PICTURE_EXTENSIONS
    from shufflecam.sources.paths import VIDEO_EXTENSIONS

    try:
        endings = {os.path.splitext(name)[1].lower() for name in os.listdir(folder)}
    except OSError:
        return False, False
    return bool(endings & set(VIDEO_EXTENSIONS)), bool(endings & PICTURE_EXTENSIONS)


def typed(*words: str) -> str:
    """Return a command line ready to type: quoted for the shell, with addresses replaced by `ADDRESS`."""
    shown = ["shufflecam", *(ADDRESS if "://" in word else word for word in words)]
    return subprocess.list2cmdline(shown) if sys.platform == "win32" else shlex.join(shown)


def arguments() -> list[str]:
    """Return the arguments of `shufflecam`; empty where a command is called from Python."""
    context = click.get_current_context(silent=True)
    given = (context.find_root().obj or {}).get("arguments") if context is not None else None
    return list(given or [])


def retyped(*words: str, leave_out: Sequence[str] = (), add: Sequence[str] = ()) -> str:
    """Return a corrected copy of the typed command line, options included, for the command `words[0]`.

    Args:
        words: fallback command line, used where no arguments were typed or this command lacks one of the
            options.
        leave_out: words to remove.
        add: words to append.
    """
    given = [word for word in arguments() if word not in leave_out][1:]
    from shufflecam.cli.registry import Commands

    known = {name for param in Commands()[words[0]].params for name in param.opts + param.secondary_opts}
    if not given or any(
        word.startswith("-") and word.split("=", 1)[0] not in {*known, "-"} for word in given
    ):
        return typed(*words, *add)
    return typed(words[0], *given, *add)


def is_given(name: str) -> bool:
    """Return whether a parameter was set by the user: command line, settings file or environment."""
    context = click.get_current_context(silent=True)
    source = None if context is None else context.get_parameter_source(name)
    return source not in (None, click.core.ParameterSource.DEFAULT)


def nearest(word: str, known: Iterable[str], other_words: dict[str, str] | None = None) -> str | None:
    """Return the closest known word, or None. `other_words` maps other programs' names to known words."""
    lower = word.lower()
    if other_words and lower in other_words:
        return other_words[lower]
    names = {name.lower(): name for name in known}
    found = difflib.get_close_matches(lower, [*names, *(other_words or {})], 1, 0.6)
    if not found:
        return None
    return names.get(found[0]) or (other_words or {})[found[0]]


def json_ate(words: Sequence[str]) -> str | None:
    """Return the command line with `--json` moved to the end if it consumed an input; otherwise None."""
    for place, word in enumerate(words[:-1]):
        value = words[place + 1]
        if word == "--json" and (kind_of(value) in ("video", "picture") or os.path.isfile(value)):
            if Path(value).suffix.lower() in RECORDED_ENDINGS:
                return None
            others = [*words[:place], *words[place + 2 :]]
            return typed(*(others if value in others else [*words[:place], *words[place + 1 :]]), "--json")
    return None


def record_format(target: str | None, format: str, *, given: bool | None = None) -> str:
    """Return the effective record format: `--json x.csv` implies csv where `--format` is not given."""
    given = is_given("record_format") if given is None else given
    implied = None if target is None or given else implied_formats().get(Path(target).suffix.lower())
    return implied.name if implied is not None and implied.recorded else format
