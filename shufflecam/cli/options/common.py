"""`--quiet` and `--debug`, common to nearly all commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

# Not passed to commands: `cli.main` looks for it among the raw arguments, since it must take effect even
# where they cannot be parsed.
debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
)


def common_options(command: F) -> F:
    """Add `--quiet`, passed to the command, and `--debug`, which is not."""
    return quiet_option("Say nothing but errors.")(debug_option(command))


def quiet_option(help: str) -> Callable[[F], F]:
    """Return a decorator that adds only `--quiet`; `help` describes which output remains."""
    return click.option("--quiet", is_flag=True, help=help)
