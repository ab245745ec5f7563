"""Parameter types for timestamps, sizes and intervals."""

from __future__ import annotations

import math
from typing import Any

import click

from shufflecam.finder.view import AUTO


class TimeType(click.ParamType):
    """A timestamp in a video: seconds ("90", "1.5"), "MM:SS" or "H:MM:SS"."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the timestamp in seconds."""
        if isinstance(value, float):
            return value
        seconds = 0.0
        parts = str(value).split(":")
        try:
            if len(parts) > 3 or any(not part or float(part) < 0 for part in parts):
                raise ValueError
            for part in parts:
                seconds = seconds * 60 + float(part)
        except ValueError:
            self.fail(f"{value!r} is not a time; write seconds (12.5) or MM:SS (1:30)", param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is not a time; write seconds (12.5) or MM:SS (1:30)", param, ctx)
        return seconds


class SizeType(click.ParamType):
    """A picture size: "1280x720"."""

    name = "size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return (width, height) in pixels."""
        if isinstance(value, tuple):
            return value
        width, cross, height = str(value).lower().partition("x")
        if not (cross and width.isdecimal() and height.isdecimal()):
            self.fail(f"{value!r} is not a size; write WIDTHxHEIGHT, such as 1280x720", param, ctx)
        size = int(width), int(height)
        if not all(16 <= side <= 16384 for side in size):
            self.fail(f"{value!r}: each side must be between 16 and 16384 pixels", param, ctx)
        return size


class EveryType(click.ParamType):
    """An interval in frames: a positive integer, or "auto"."""

    name = "every"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the interval as an int, or "auto"."""
        text = str(value).strip()
        if text == AUTO:
            return AUTO
        if not text.isdecimal() or not 1 <= int(text) <= 100_000:
            self.fail(f"{value!r} is neither a whole number from 1 on nor auto", param, ctx)
        return int(text)
