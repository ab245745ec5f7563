"""Automatic rotation: finds which way up people stand, by the scores of their poses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from shufflecam.core.reporting import Quiet, Reporter, Stop
from shufflecam.core.words import counted
from shufflecam.finder.view import AUTO, ROTATIONS

if TYPE_CHECKING:
    from shufflecam.core.protocols import FrameSource
    from shufflecam.finder.settings import FinderSettings
    from shufflecam.finder.view import View

LOOK_EVERY_S, LOOK_FOR_S, ENOUGH_FRAMES = 0.5, 60.0, 5
"""For --rotate auto: a picture every half second of the first minute, until five contained people."""


def settled(
    settings: FinderSettings, open_source: Callable[[], FrameSource], stop: Stop, talk: Reporter
) -> FinderSettings:
    """Return the settings with a view rotation of "auto" resolved; otherwise unchanged.

    Args:
        settings: the networks, and the view.
        open_source: opens the video again, for "auto".
        stop: a signal ends the search for the rotation.
        talk: receives the result of "auto".
    """
    view = settings.view
    if view is None or view.rotate != AUTO:
        return settings
    settings.fetch(talk)
    with closing(open_source()) as source:
        return replace(settings, view=replace(view, rotate=best_rotation(source, view, settings, stop, talk)))


def best_rotation(
    source: FrameSource, view: View, settings: FinderSettings, stop: Stop, talk: Reporter
) -> int:
    """Return the rotation under which the first frames with people have the highest sum of pose scores."""
    from shufflecam.core.picture import as_shown

    every_frame = replace(settings, track=False, smooth=False, det_every=1, view=None)
    finder = every_frame.load(Quiet())
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
