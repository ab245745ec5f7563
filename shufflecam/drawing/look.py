"""How skeletons look: styles, palettes and what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from shufflecam.core.skeleton import LEFT, MIDDLE, RIGHT

Palette = Literal["classic", "colorblind"]


StyleName = Literal["shufflecam", "mmpose", "openpose", "minimal"]


RGB = tuple[int, int, int]


PALETTES: Mapping[str, Mapping[str, RGB]] = {
    # What people know from the OpenMMLab family.
    "classic": {LEFT: (0, 255, 0), RIGHT: (255, 128, 0), MIDDLE: (51, 153, 255)},
    # Okabe & Ito 2008: told apart with every kind of colour blindness, and by brightness.
    "colorblind": {LEFT: (86, 180, 233), RIGHT: (213, 94, 0), MIDDLE: (240, 228, 66)},
}


@dataclass(frozen=True)
class _Manner:
    """What a style is made of; lengths in units of `line_thickness`."""

    line: float
    joint: float
    """Radius of a joint; 0 draws none."""
    rim: bool = False
    """A dark rim around joints and links, which keeps them visible on any background."""
    colors: Literal["sides", "rainbow", "white"] = "sides"


STYLES: Mapping[str, _Manner] = {
    "shufflecam": _Manner(line=1.0, joint=1.6, rim=True),
    # As mmpose's visualiser has it: thin links (1 px), larger plain dots (radius 3 px).
    "mmpose": _Manner(line=0.6, joint=1.8),
    # As OpenPose has it: a neck between the shoulders, broad links, a hue for each.
    "openpose": _Manner(line=2.0, joint=1.6, colors="rainbow"),
    "minimal": _Manner(line=0.6, joint=0, rim=True, colors="white"),
}


@dataclass(frozen=True)
class Look:
    """How people look, wherever they are drawn. Sizes follow the picture unless `thickness` is given."""

    style: StyleName = "shufflecam"
    palette: Palette = "classic"
    """Of the styles that colour by side: shufflecam and mmpose."""
    kpt_thr: float = 0.3
    """Joints below this score are not drawn, nor the links that end in them."""
    fewest_joints: int = 4
    """Who has fewer to show is not drawn: a nose and an ear are no person, a dog or a poster has as much."""
    joints: bool = True
    edges: bool = True
    ids: bool = True
    """A small label with the id at each tracked person's head."""
    boxes: bool = False
    skeleton_only: bool = False
    """On black instead of the picture."""
    blur_faces: bool = False
    """Faces are pixelated before anything is drawn; see `faces`."""
    upright: int = 0
    """Degrees clockwise (0, 90, 180, 270) that would make people stand: where `blur_faces` expects heads."""
    thickness: float | None = None
    """Of links, in pixels; None: by the picture's size."""


def look_through(look: Look | None, seen: dict[str, Any]) -> Look | None:
    """The look for a video that was looked at as `seen` says, so that faces are hidden where they are."""
    from shufflecam.drawing.look import Look

    rotate = seen.get("view", {}).get("rotate", 0)
    return replace(look or Look(), upright=rotate) if rotate else look
