"""The look of skeletons: styles, palettes and what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from shufflecam.core.skeleton import LEFT, MIDDLE, RIGHT

Palette = Literal["classic", "colorblind"]


StyleName = Literal["shufflecam", "mmpose", "openpose", "minimal"]


RGB = tuple[int, int, int]


PALETTES: Mapping[str, Mapping[str, RGB]] = {
    # The familiar colours of the OpenMMLab family.
    "classic": {LEFT: (0, 255, 0), RIGHT: (255, 128, 0), MIDDLE: (51, 153, 255)},
    # Okabe & Ito 2008: distinguishable with every kind of colour blindness, and by brightness.
    "colorblind": {LEFT: (86, 180, 233), RIGHT: (213, 94, 0), MIDDLE: (240, 228, 66)},
}


@dataclass(frozen=True)
class _Manner:
    """The elements of a style; lengths in units of `line_thickness`."""

    line: float
    """Width of the links, above 0: `Look.thickness` is divided by it."""
    joint: float
    """Radius of a joint; 0 draws none."""
    rim: bool = False
    """A dark rim around joints and links, which keeps them visible on any background."""
    colors: Literal["sides", "rainbow", "white"] = "sides"


STYLES: Mapping[str, _Manner] = {
    "shufflecam": _Manner(line=1.0, joint=1.6, rim=True),
    # As in mmpose's visualiser: thin links (1 px), larger plain dots (radius 3 px).
    "mmpose": _Manner(line=0.6, joint=1.8),
    # As in OpenPose: a neck between the shoulders, broad links, a hue for each.
    "openpose": _Manner(line=2.0, joint=1.6, colors="rainbow"),
    "minimal": _Manner(line=0.6, joint=0, rim=True, colors="white"),
}


@dataclass(frozen=True)
class Look:
    """The look of people wherever they are drawn. Sizes follow the picture unless `thickness` is given."""

    style: StyleName = "shufflecam"
    palette: Palette = "classic"
    """For the styles that colour by side: shufflecam and mmpose."""
    kpt_thr: float = 0.3
    """Joints below this score are not drawn, nor are the links that end in them."""
    fewest_joints: int = 4
    """People with fewer visible joints are not drawn: a dog or a poster shows a nose and an ear too."""
    joints: bool = True
    edges: bool = True
    ids: bool = True
    """A small label with the id at each tracked person's head."""
    boxes: bool = False
    skeleton_only: bool = False
    """Draw on black instead of the picture."""
    blur_faces: bool = False
    """Pixelate faces before anything is drawn; see `faces`."""
    upright: int = 0
    """Clockwise degrees (0, 90, 180, 270) that make people upright: tells `blur_faces` where heads are."""
    thickness: float | None = None
    """Thickness of links in pixels; None: from the picture's size."""


def look_through(look: Look | None, seen: dict[str, Any]) -> Look | None:
    """Return the look for a video viewed as the header fields `seen` say, so that faces are found."""
    rotate = seen.get("view", {}).get("rotate", 0)
    return replace(look or Look(), upright=rotate) if rotate else look
