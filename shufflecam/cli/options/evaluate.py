"""Options shared by the evaluations: data set, engine, and the COCO results file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from shufflecam.cli.options.common import debug_option, quiet_option
from shufflecam.detect.defaults import DET_SIZE

F = TypeVar("F", bound=Callable[..., Any])


def data_options(command: F) -> F:
    """Add the options that select the annotated pictures."""
    folder = click.Path(path_type=Path)
    for option in (
        click.option(
            "--allow-missing", is_flag=True, help="Leave pictures out that the folder lacks, and count them."
        ),
        click.option(
            "--annotations", required=True, metavar="FILE", type=folder, help="Annotations of these pictures."
        ),
        click.option("--images", required=True, metavar="DIR", type=folder, help="Folder with the pictures."),
    ):
        command = option(command)
    return command


def engine_options(command: F) -> F:
    """Add the options for engine, device and verbosity."""
    for option in (
        debug_option,
        quiet_option("Only the figures and errors."),
        click.option(
            "--device",
            metavar="auto|cpu|cuda[:N]|mps",
            default="auto",
            show_default=True,
            help="Where torch computes.",
        ),
        click.option(
            "--backend",
            metavar="NAME",
            default="auto",
            show_default=True,
            help="What computes: auto, torch, openvino or onnx.",
        ),
    ):
        command = option(command)
    return command


def det_options(conf: float) -> Callable[[F], F]:
    """Return a decorator that adds the detector's options; `conf` is the default score threshold."""

    def decorate(command: F) -> F:
        for option in (
            click.option(
                "--det-size",
                metavar="PX",
                type=click.IntRange(32, 4096),
                default=DET_SIZE,
                show_default=True,
                help="The longer side of the detector's input.",
            ),
            click.option(
                "--det-conf",
                metavar="P",
                type=click.FloatRange(0, 1),
                default=conf,
                show_default=True,
                help="Lowest score of a detector's box: AP wants unsure ones too.",
            ),
        ):
            command = option(command)
        return command

    return decorate


def results_options(command: F) -> F:
    """Add the options for the file of COCO results."""
    for option in (
        click.option("--overwrite", is_flag=True, help="Replace OUT if it exists."),
        click.option(
            "--json", "target", metavar="OUT", type=click.Path(path_type=Path), help="COCO results array."
        ),
    ):
        command = option(command)
    return command
