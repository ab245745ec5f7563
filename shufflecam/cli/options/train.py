"""Options shared by the training commands: run folder, device and export, with their checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from shufflecam.cli.options.common import common_options
from shufflecam.core.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def run_options(command: F) -> F:
    """Add the options of a resumable run in a folder."""
    path = click.Path(path_type=Path)
    options = [
        click.option(
            "-o", "--out", "folder", required=True, metavar="DIR", type=path, help="The run's folder."
        ),
        click.option(
            "--val-every",
            metavar="STEPS",
            type=click.IntRange(1),
            help="Measure between, too.",
        ),
        click.option("--init", metavar="FILE", type=path, help="Weights to begin with."),
        click.option("--seed", type=int, default=0, show_default=True, help="Of everything that is drawn."),
        click.option(
            "--device",
            default="auto",
            show_default=True,
            metavar="auto|cpu|cuda[:N]",
            help="Where it computes.",
        ),
        click.option(
            "--export", "target", metavar="FILE", type=path, help="float16 .safetensors at the end."
        ),
        common_options,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def check_export(target: Path | None) -> None:
    """Raise UsageError if the `--export` path is invalid, OutputError if it is not writable."""
    from shufflecam.core.files import check_writable

    if target is not None and target.suffix != ".safetensors":
        raise UsageError(f"--export {target} must end in .safetensors.")
    if target is not None:
        check_writable(target, overwrite=True)  # fail now rather than after hours of training
