"""`video --smooth offline`: the video is read twice, so that smoothing knows what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from shufflecam.cli.help import GroupedCommand

FLAG = "--smooth-offline"


class SmoothCommand(GroupedCommand):
    """A command whose switch `--smooth` may be followed by `offline`; click knows no such thing."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the one word that is meant in place of the two."""
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
