"""`--quiet` and `--debug`, which nearly every command has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

# Commands do not get it: `cli.main` looks for it among the arguments, for it counts even where they cannot
# be parsed.
debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
)


def common_options(command: F) -> F:
    """`--quiet`, a parameter of the command, and `--debug`, which is none."""
    return quiet_option("Say nothing but errors.")(debug_option(command))


def quiet_option(help: str) -> Callable[[F], F]:
    """`--quiet` alone; `help`: what it leaves."""
    return click.option("--quiet", is_flag=True, help=help)
