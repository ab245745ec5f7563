"""Which way up people stand: the rotation under which most of them are found."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shufflecam.core.errors import UsageError
from shufflecam.core.reporting import Quiet, Reporter, Stop
from shufflecam.core.words import counted

if TYPE_CHECKING:
    from shufflecam.core.protocols import FrameSource
    from shufflecam.finder.finder import PoseFinder
    from shufflecam.finder.settings import FinderSettings
    from shufflecam.finder.view import View, ViewFinder


AUTO = "auto"


LOOK_EVERY_S, LOOK_FOR_S, ENOUGH_FRAMES = 0.5, 60.0, 5
"""For --rotate auto: a picture every half second of the first minute, until five showed somebody."""


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
    finder_options: FinderSettings,
    stop: Stop,
    talk: Reporter,
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


def best_rotation(
    source: FrameSource, view: View, finder_options: FinderSettings, stop: Stop, talk: Reporter
) -> int:
    """The rotation under which the first frames with people have the highest sum of pose scores."""
    from shufflecam.core.picture import as_shown
    from shufflecam.finder.view import ROTATIONS

    every_frame = replace(finder_options, track=False, smooth=False, det_every=1)
    finder = every_frame.load(None, Quiet())
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
