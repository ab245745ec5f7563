"""`video --smooth offline`: the video is read twice, so that smoothing can use future frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from shufflecam.cli.help import GroupedCommand

FLAG = "--smooth-offline"


class SmoothCommand(GroupedCommand):
    """Command whose flag `--smooth` accepts an optional value `offline`, which click does not support."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments with `--smooth offline` replaced by one hidden flag."""
        return super().parse_args(ctx, _joined(args))


def _joined(args: Sequence[str]) -> list[str]:
    joined: list[str] = []
    for arg in args:
        if arg == "offline" and joined and joined[-1] == "--smooth":
            joined[-1] = FLAG
        else:
            joined.append(FLAG if arg == "--smooth=offline" else arg)
    return joined


offline_option: Callable[[Any], Any] = click.option(FLAG, "smooth_offline", is_flag=True, hidden=True)
