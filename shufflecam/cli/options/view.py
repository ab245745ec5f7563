"""`video --crop` and `--rotate`: what of the picture is looked at, and which way up it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.console import Talk
from shufflecam.core.errors import UsageError
from shufflecam.core.words import counted

if TYPE_CHECKING:
    from shufflecam.cli.options.finder import FinderOptions
    from shufflecam.core.protocols import FrameSource
    from shufflecam.drawing.draw import Look
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.finder.view import View, ViewFinder
    from shufflecam.pipeline.run import StopRequest

AUTO = "auto"
SMALLEST = 16
"""Pixels of a side of --crop; less than that shows nobody."""

LOOK_EVERY_S, LOOK_FOR_S, ENOUGH_FRAMES = 0.5, 60.0, 5
"""For --rotate auto: a picture every half second of the first minute, until five showed somebody."""


class CropType(click.ParamType):
    """A part of the picture: "X,Y,W,H"."""

    name = "crop"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int, int]:
        """x, y, width, height in pixels."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if len(parts) != 4 or not all(part.isdecimal() for part in parts):
            self.fail(
                f"{value!r} is not a part of a picture; write X,Y,W,H in pixels: 100,0,640,720", param, ctx
            )
        x, y, width, height = (int(part) for part in parts)
        if min(width, height) < SMALLEST:
            self.fail(f"{value!r}: width and height must be {SMALLEST} pixels at least", param, ctx)
        return x, y, width, height


def view_options(command: Any) -> Any:
    """`--crop` and `--rotate`."""
    command = click.option(
        "--rotate",
        type=click.Choice(["0", "90", "180", "270", AUTO]),
        default="0",
        show_default=True,
        help="Turn the picture clockwise before people are looked for (ceiling cameras); the output stays as "
        "it is. auto: as people are found best.",
    )(command)
    return click.option(
        "--crop",
        metavar="X,Y,W,H",
        type=CropType(),
        help="Look for people in this part of the picture only.",
    )(command)


def encoding_options(command: Any) -> Any:
    """`--codec`, `--crf`, `--encode-preset` and `--no-audio`."""
    for option in (
        click.option("--no-audio", is_flag=True, help="Leave the sound out."),
        click.option(
            "--encode-preset",
            type=click.Choice(["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]),
            default="veryfast",
            show_default=True,
            help="Work per picture, by x264's names; of h264 superfast is a third less, for twice the bytes.",
        ),
        click.option(
            "--crf",
            metavar="Q",
            type=click.FloatRange(0, 63),
            show_default="20; hevc: 23, vp9: 33, av1: 32",
            help="Quality of the video; smaller is better and larger.",
        ),
        click.option(
            "--codec",
            type=click.Choice(["h264", "hevc", "vp9", "av1"]),
            default="h264",
            show_default=True,
            help="Of the video; h264 plays everywhere. vp9 and av1 go into .mp4 and .mkv only.",
        ),
    ):
        command = option(command)
    return command


def check_crop(crop: tuple[int, int, int, int] | None, source: FrameSource) -> None:
    """Raise UsageError where the picture has no such part."""
    size = source.info.size
    if crop is None or size is None:
        return
    x, y, width, height = crop
    if x + width > size[0] or y + height > size[1]:
        raise UsageError(
            f"--crop {x},{y},{width},{height} reaches past the picture, which is {size[0]}x{size[1]} pixels."
        )


def looking_through(
    finder: PoseFinder,
    crop: tuple[int, int, int, int] | None,
    rotate: str,
    open_source: Callable[[], FrameSource],
    finder_options: FinderOptions,
    stop: StopRequest,
    talk: Talk,
) -> tuple[PoseFinder | ViewFinder, dict[str, Any]]:
    """The finder that looks as was asked for, and what the record's header says of it.

    Args:
        finder: looks at whole pictures.
        crop: x, y, width, height, or None.
        rotate: degrees, or "auto".
        open_source: opens the video once more, for "auto".
        finder_options: the networks, for "auto".
        stop: a signal ends the search for the rotation.
        talk: told what "auto" came to.
    """
    from shufflecam.finder.view import View, ViewFinder

    if crop is None and rotate == "0":
        return finder, {}
    view = View(crop, 0 if rotate == AUTO else int(rotate))
    if rotate == AUTO:
        with closing(open_source()) as source:
            view = replace(view, rotate=best_rotation(source, view, finder_options, stop, talk))
    said = {"rotate": view.rotate, "crop": None if crop is None else list(crop)}
    return ViewFinder(finder, view), {"view": said}


def look_through(look: Look | None, seen: dict[str, Any]) -> Look | None:
    """The look for a video that was looked at as `seen` says, so that faces are hidden where they are."""
    from shufflecam.drawing.draw import Look

    rotate = seen.get("view", {}).get("rotate", 0)
    return replace(look or Look(), upright=rotate) if rotate else look


def best_rotation(
    source: FrameSource, view: View, finder_options: FinderOptions, stop: StopRequest, talk: Talk
) -> int:
    """The rotation under which the first frames with people have the highest sum of pose scores."""
    from shufflecam.core.picture import as_shown
    from shufflecam.finder.view import ROTATIONS

    every_frame = replace(finder_options, track=False, smooth=False, det_every=1)
    finder = every_frame.load(None, replace(talk, quiet=True))
    sums = dict.fromkeys(ROTATIONS, 0.0)
    with_people, next_s, until_s = 0, None, None
    for frame in source.frames():
        if stop or with_people == ENOUGH_FRAMES:
            break
        until_s = frame.timestamp_s + LOOK_FOR_S if until_s is None else until_s
        if frame.timestamp_s > until_s:
            break
        if next_s is not None and frame.timestamp_s < next_s:
            continue
        next_s = frame.timestamp_s + LOOK_EVERY_S
        turned = {rotation: replace(view, rotate=rotation).frame_of(frame) for rotation in ROTATIONS}
        scores = {
            rotation: sum(pose.score for pose in finder(as_shown(one.image, one.pixel_aspect)))
            for rotation, one in turned.items()
        }
        with_people += any(scores.values())
        sums = {rotation: total + scores[rotation] for rotation, total in sums.items()}
    best = max(ROTATIONS, key=lambda rotation: sums[rotation])
    if not with_people:
        talk.note("--rotate auto found nobody in the first minute, whichever way up; not rotated")
        return 0
    frames = counted(with_people, "frame")
    others = ", ".join(f"{rotation}: {total / with_people:.2f}" for rotation, total in sums.items())
    talk.note(f"--rotate auto took {best} (sum of pose scores a frame, over {frames}: {others})")
    return best
