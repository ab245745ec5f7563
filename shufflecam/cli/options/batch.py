"""The options of a run over many videos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    pass


def many_options(command: Any) -> Any:
    """Add the options that make up `BatchOptions`."""
    for option in (
        click.option(
            "--ray-address",
            metavar="ADDRESS",
            help="Of the cluster (auto, HOST:PORT); else RAY_ADDRESS, else this machine alone.",
        ),
        click.option(
            "--cluster",
            type=click.Choice(["ray"]),
            help="With --out DIR: spread the videos over a Ray cluster; what is there already is left out.",
        ),
        click.option(
            "--jobs",
            metavar="N",
            type=click.IntRange(1, 256),
            default=1,
            show_default=True,
            help="With --out DIR: work on N videos at a time.",
        ),
        click.option(
            "--skip-existing", is_flag=True, help="With --out DIR: leave out what is there already."
        ),
        click.option("--recursive", is_flag=True, help="Folders with everything below them."),
    ):
        command = option(command)
    return command
