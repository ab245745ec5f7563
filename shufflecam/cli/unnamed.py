"""Outputs given without an option: `video in.mp4` alone, and a second name that can only be an output."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from shufflecam.cli.console import Terminal
from shufflecam.cli.intent import (
    FOLDER,
    RECORD_ENDINGS,
    RECORDED_ENDINGS,
    holds,
    is_given,
    json_ate,
    kind_of,
    retyped,
    typed,
)
from shufflecam.core.addresses import is_address
from shufflecam.core.errors import UsageError
from shufflecam.media.encoding import CODECS, DEFAULT_CODEC, VIDEO_EXTENSIONS

SUFFIX = "-skeleton"

LONGEST = 240
"""Maximum bytes of a generated name: file systems allow 255, and a number and `.part` must fit as well."""


def skeleton_path(
    source: str, talk: Terminal, *, codec: str = DEFAULT_CODEC, overwrite: bool = False
) -> Path:
    """Return the default output path of a video, `in-skeleton.mp4` in the current folder.

    Args:
        source: the video.
        talk: receives a note where the name is taken and a numbered one is used.
        codec: of the output; .mp4, .mov and .mkv keep their extension if that container supports it.
        overwrite: whether to replace an existing file; otherwise the next free number is appended.
    """
    name = Path(source).name
    ending = Path(name).suffix.lower() if Path(name).suffix.lower() in CODECS[codec].containers else ".mp4"
    stem = _fitting(Path(name).stem, LONGEST - len(SUFFIX + ending))
    first = Path(f"{stem}{SUFFIX}{ending}")
    path, number = first, 1
    while os.path.lexists(path) and not overwrite:
        number += 1
        path = first.with_name(f"{stem}{SUFFIX}-{number}{ending}")
    if path != first:
        talk.note(f"{first} exists already; writing {path} (to replace it: --overwrite)")
    return path


def _fitting(stem: str, most: int) -> str:
    """Return a name truncated to `most` bytes at a character boundary."""
    while len(os.fsencode(stem)) > most:
        stem = stem[:-1]
    return stem


def sort_out(
    sources: Sequence[str], out: str | None, json_target: str | None
) -> tuple[tuple[str, ...], str | None, str | None]:
    """Return the inputs of `video`, `--out` and `--json`, with unnamed outputs taken out of the inputs.

    After an existing input, a name that does not exist and has the extension of a video or a record is an
    output.

    Raises:
        UsageError: the arguments are ambiguous, or belong to another command; the message gives the command
            to type.
    """
    _refuse_other_kinds(sources)
    inputs = list(sources)
    there = [_is_there(name) for name in inputs]
    for ending, named in (("video", out), ("record", json_target)):
        new = [name for name, is_there in zip(inputs, there, strict=True) if not is_there]
        new = [name for name in new if name != inputs[0] and _could_be(name, ending)]
        if named is None and len(new) == 1 and there[0]:
            at = inputs.index(new[0])
            inputs, there = inputs[:at] + inputs[at + 1 :], there[:at] + there[at + 1 :]
            out, json_target = (new[0], json_target) if ending == "video" else (out, new[0])
    if len(inputs) > 1 and out is None and json_target is None:
        _refuse_several(inputs)
    if out is None and json_target is None:
        name = inputs[0]
        pattern = glob.has_magic(name) and not os.path.lexists(name) and not is_address(name)
        if os.path.isdir(name) or pattern:
            raise UsageError(
                f"Nothing is asked to be written; add --out DIR, or --json DIR, or both: "
                f"`{retyped('video', name, add=['--out', FOLDER])}`"
            )
        if name == "-":
            raise UsageError(
                "Nothing is asked to be written; add --out FILE.mp4, or --json, or both: "
                f"`{retyped('video', '-', add=['--out', 'skeleton.mp4'])}`"
            )
    return tuple(inputs), out, json_target


def _is_there(name: str) -> bool:
    return name == "-" or os.path.lexists(name) or bool(glob.has_magic(name) and glob.glob(name))


def _could_be(name: str, kind: str) -> bool:
    """Return whether a name is valid for an output of `kind`: a writable video, or a record or table."""
    if glob.has_magic(name):
        return False
    endings = VIDEO_EXTENSIONS if kind == "video" else RECORDED_ENDINGS
    return Path(name).suffix.lower() in endings


def _refuse_several(inputs: Sequence[str]) -> None:
    """Raise UsageError: several inputs need an output folder, or the second was meant as the output."""
    if len(inputs) == 2 and os.path.lexists(inputs[0]) and not _is_there(inputs[1]):
        _refuse_output(*inputs)
    sentence = (
        "Several videos need a folder for what is made of them; give --out DIR: "
        f"`{retyped('video', *inputs, add=['--out', FOLDER])}`"
    )
    if len(inputs) == 2 and os.path.isfile(inputs[1]) and _could_be(inputs[1], "video"):
        replace = retyped("video", inputs[0], leave_out=[inputs[1]], add=["--out", inputs[1], "--overwrite"])
        sentence += f"; to replace {inputs[1]} by the first one's skeletons: `{replace}`"
    raise UsageError(sentence)


def _refuse_output(source: str, output: str) -> None:
    """Raise UsageError where a missing second name was probably meant as an output but is invalid as one."""
    begin = f"There is no file {output}"
    if kind_of(output) == "video" and not os.path.isdir(source):
        right = retyped(
            "video", source, leave_out=[output], add=["--out", str(Path(output).with_suffix(".mp4"))]
        )
        raise UsageError(f"{begin}; to write a video (.mp4, .mov, .mkv) type: {right}")
    if not Path(output).suffix:
        right = retyped("video", source, leave_out=[output], add=["--out", output])
        raise UsageError(f"{begin}; to write into a folder of that name type: {right}")


def _refuse_other_kinds(sources: Sequence[str]) -> None:
    """Raise UsageError where `video` is given pictures, a camera or a folder of pictures."""
    kinds = {kind_of(name) for name in sources}
    if kinds == {"picture"}:
        are = f"{sources[0]} is a picture" if len(sources) == 1 else "These are pictures"
        if any(os.path.lexists(name) for name in sources):
            here = [name for name in sources if os.path.lexists(name)]
            raise UsageError(f"{are}, not a video; type: {_as_images(here)}")
    if len(sources) == 1 and kinds == {"camera"} and not os.path.lexists(sources[0]):
        raise UsageError(f"{sources[0]} is a camera's number; type: {typed('webcam', sources[0])}")
    if len(sources) == 1 and kinds == {"folder"} and holds(sources[0]) == (False, True):
        raise UsageError(
            f"{sources[0]} is a folder of pictures, without a video; type: "
            f"{typed('images', sources[0], '--out', FOLDER)}"
        )


def _as_images(paths: Sequence[str]) -> str:
    """Return the command to type for pictures; a user's --out names a video, so it is replaced."""
    if is_given("out") or not is_given("json_target"):
        return typed("images", *paths, "--out", FOLDER)
    return retyped("images", *paths)


def refuse_videos(paths: Sequence[str]) -> None:
    """Raise UsageError where `images` is given only videos."""
    from shufflecam.sources.paths import VIDEO_EXTENSIONS

    kinds = {kind_of(path) for path in paths if os.path.lexists(path)}
    # Animated images are excluded: they are pictures in the first place.
    if kinds == {"video"} and all(Path(path).suffix.lower() in VIDEO_EXTENSIONS for path in paths):
        are = f"{paths[0]} is a video" if len(paths) == 1 else "These are videos"
        several = ["--out", FOLDER] if len(paths) > 1 and not is_given("out") else []
        raise UsageError(f"{are}, not a picture; type: {retyped('video', *paths, add=several)}")
    if len(paths) == 1 and kinds == {"folder"} and holds(paths[0]) == (True, False):
        raise UsageError(
            f"{paths[0]} is a folder of videos, without a picture; type: "
            f"{typed('video', paths[0], '--out', FOLDER)}"
        )


def refuse_json_value(target: str | None, words: Sequence[str]) -> None:
    """Raise UsageError, with the command to type, where `--json` consumed an input as its value."""
    moved = json_ate(words) if target is not None else None
    if moved is not None:
        raise UsageError(
            f"--json {target}: a record ends in {' or '.join(RECORD_ENDINGS)}; put --json last, or write "
            f"--json - (`{moved}`)"
        )
