"""Functions that draw results, with the state they keep between frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shufflecam.core.skeleton import Skeleton
    from shufflecam.core.types import FrameResult, ImageArray
    from shufflecam.drawing.look import Look


def drawer(skeleton: Skeleton, look: Look | None = None) -> Callable[[FrameResult], ImageArray]:
    """Return a function that draws a result's people into its frame's picture in place: once per frame."""
    from shufflecam.drawing.draw import draw
    from shufflecam.drawing.faces import FaceMemory, hide_faces
    from shufflecam.drawing.labels import Labels
    from shufflecam.drawing.look import Look

    look = look or Look()
    memory = FaceMemory() if look.blur_faces else None
    steady = Labels()

    def draw_result(result: FrameResult) -> ImageArray:
        if memory is not None and result.frame.file is None:  # unrelated pictures share no clock
            lost = memory.missing(result.poses, result.frame.timestamp_s)
            aspect = result.frame.pixel_aspect
            hide_faces(result.frame.image, lost, skeleton, look.upright, aspect)
        aspect = result.frame.pixel_aspect
        # Pictures in a folder are unrelated.
        labels = steady if result.frame.file is None else None
        steady.advance(result.frame.timestamp_s)
        image, poses = result.frame.image, result.poses
        return draw(image, poses, skeleton, look, in_place=True, pixel_aspect=aspect, labels=labels)

    return draw_result


def chosen_drawer(
    skeleton: Skeleton, look: Look, people: frozenset[int]
) -> Callable[[FrameResult], ImageArray]:
    """Like `drawer`, but draws only these people (empty: all); all faces are hidden if the look says so."""
    from shufflecam.drawing.drawer import drawer

    draw = drawer(skeleton, look)
    if not people:
        return draw
    hide = drawer(skeleton, replace(look, joints=False, edges=False, ids=False, boxes=False))
    draw_bare = drawer(skeleton, replace(look, blur_faces=False))

    def draw_chosen(result: FrameResult) -> ImageArray:
        if look.blur_faces:
            hide(result)
        return draw_bare(
            replace(result, poses=tuple(pose for pose in result.poses if pose.track_id in people))
        )

    return draw_chosen
