"""Composes the displayed picture from a result and the key state. Opens no window and no file."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass, field, replace
from functools import partial

import cv2
import numpy as np

from shufflecam.core.skeleton import Skeleton
from shufflecam.core.types import FloatArray, FrameResult, ImageArray, Pose
from shufflecam.drawing.draw import draw
from shufflecam.drawing.faces import hide_faces
from shufflecam.drawing.look import Look
from shufflecam.drawing.text import draw_hud
from shufflecam.live.hud import Figures, condition_and_keys, numbers
from shufflecam.live.state import HELP, LiveState

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_RED = (40, 40, 230)


@dataclass(frozen=True)
class Appearance:
    """What is constant during a run: the skeleton of the keypoints, and the look set by the options."""

    skeleton: Skeleton
    look: Look = field(default_factory=Look)


def compose(
    result: FrameResult, state: LiveState, appearance: Appearance, canvas: ImageArray | None = None
) -> ImageArray:
    """Return the picture with its people drawn as `state` selects, mirrored if it says so, without the HUD.

    Args:
        result: its frame's picture is not modified.
        state: what is drawn, and how.
        appearance: of the run.
        canvas: a picture to draw into, (H, W, 3) uint8; a new one is allocated if its size does not fit.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    image, aspect = result.frame.image, result.frame.pixel_aspect
    if canvas is None or canvas.shape != image.shape or canvas is image:
        canvas = np.empty_like(image, order="C")
    everybody = list(result.poses)
    if state.mirror:
        cv2.flip(image, 1, dst=canvas)
        everybody = mirror_poses(everybody, image.shape[1])
    else:
        np.copyto(canvas, image)
    if appearance.look.blur_faces:  # also of people who are not drawn
        hide_faces(canvas, everybody, appearance.skeleton, pixel_aspect=aspect)
    look = replace(
        appearance.look,
        kpt_thr=state.kpt_thr,
        edges=state.view != "keypoints",
        ids=state.ids,
        boxes=state.boxes,
        skeleton_only=state.view == "black",
        blur_faces=False,
    )
    chosen = [pose for pose in everybody if state.only is None or pose.track_id == state.only]
    return draw(canvas, chosen, appearance.skeleton, look, in_place=True, pixel_aspect=aspect)


def add_overlays(canvas: ImageArray, figures: Figures, state: LiveState) -> ImageArray:
    """Draw the HUD, the recording dot, camera trouble and the help into `canvas` in place; return it."""
    draw_hud(canvas, [numbers(figures), condition_and_keys(figures, state)], in_place=True)
    if figures.recorded_s is not None:
        _draw_dot(canvas)
    if figures.trouble:
        plain = figures.trouble.encode("ascii", "replace").decode()
        _draw_panel(canvas, textwrap.wrap(plain, 56), width=0.94, height=0.3)
    if state.help:
        _draw_panel(canvas, list(HELP), width=0.9, height=0.75)
    return canvas


def mirror_poses(poses: list[Pose] | tuple[Pose, ...], width: int) -> list[Pose]:
    """Return the poses in the mirror image of a picture `width` pixels wide: left stays the person's left."""

    def turned(points: FloatArray, last: int) -> FloatArray:
        return np.stack([last - points[:, 0], points[:, 1]], axis=1)

    centers, edges = partial(turned, last=width - 1), partial(turned, last=width)
    return [pose.moved(centers, edges=edges) for pose in poses]


def _draw_dot(canvas: ImageArray) -> None:
    """Draw the red recording dot, lower right: the HUD occupies the top edge."""
    height, width = canvas.shape[:2]
    radius = max(3, round(min(width, height) * 0.025))
    center = (width - 2 * radius, height - 2 * radius)
    cv2.circle(canvas, center, radius, _RED, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(canvas, center, radius, (255, 255, 255), max(1, radius // 5), cv2.LINE_AA)


def _draw_panel(canvas: ImageArray, lines: list[str], *, width: float, height: float) -> None:
    """Draw centred lines of text on a darkened panel of at most these fractions of the picture."""
    rows, columns = canvas.shape[:2]
    (text_width, text_height) = _extent(lines, 1.0)
    scale = min(
        columns * width / (text_width * 1.08), rows * height / (text_height * 2.1 * (len(lines) + 0.6))
    )
    scale = min(scale, 0.0011 * min(columns, rows) + 0.35)  # legible; larger is of no use
    weight = max(1, round(scale * 1.6))
    (text_width, text_height) = _extent(lines, scale)
    step = math.ceil(text_height * 2.1)
    panel_width, panel_height = round(text_width * 1.08), round(step * (len(lines) + 0.6))
    left, top = max(0, (columns - panel_width) // 2), max(0, (rows - panel_height) // 2)
    patch = canvas[top : top + panel_height, left : left + panel_width]
    np.multiply(patch, 0.25, out=patch, casting="unsafe")
    for row, line in enumerate(lines):
        key, _, meaning = line.partition("  ") if len(lines) > 1 else (line, "", "")
        at = (left + round(text_width * 0.04), top + round(step * (row + 0.95)))
        cv2.putText(canvas, key, at, _FONT, scale, (120, 220, 255), weight, cv2.LINE_AA)
        if meaning:
            indent = round(_extent(["q, Esc   "], scale)[0])
            at = (at[0] + indent, at[1])
            cv2.putText(canvas, meaning.strip(), at, _FONT, scale, (255, 255, 255), weight, cv2.LINE_AA)


def _extent(lines: list[str], scale: float) -> tuple[float, float]:
    """Return (width of the longest line, height of capitals) in pixels at an OpenCV font scale."""
    # OpenCV rounds to integer pixels: measured at a large scale, then scaled down.
    sizes = [cv2.getTextSize(line, _FONT, 8.0, 1)[0] for line in lines]
    return max(size[0] for size in sizes) * scale / 8.0, sizes[0][1] * scale / 8.0
