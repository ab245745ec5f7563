"""`video --crop` and `--rotate`, the region and orientation to process, and the encoding options."""

from __future__ import annotations

from typing import Any

import click

from shufflecam.finder.view import AUTO, View

SMALLEST = 16
"""Minimum side of --crop in pixels; a smaller region cannot show a person."""


class CropType(click.ParamType):
    """A rectangle in the picture: "X,Y,W,H"."""

    name = "crop"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int, int]:
        """Return (x, y, width, height) in pixels."""
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
    """Add `--crop` and `--rotate`."""
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


def pop_view(options: dict[str, Any]) -> View | None:
    """Pop `--crop` and `--rotate` and return them as a `View`; None where both are defaults."""
    crop, rotate = options.pop("crop"), options.pop("rotate")
    if crop is None and rotate == "0":
        return None
    return View(crop, AUTO if rotate == AUTO else int(rotate))
