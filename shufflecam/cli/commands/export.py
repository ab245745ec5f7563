"""`shufflecam export`: export a pose network for other runtimes, and verify it against torch."""

from __future__ import annotations

from pathlib import Path

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.options.common import common_options
from shufflecam.core.words import counted
from shufflecam.jobs.export import SUFFIXES, export_network


@click.command(
    short_help="Write a pose network for other programs.",
    epilog="""\b
Examples:
  shufflecam export onnx pose.onnx
  shufflecam export openvino pose.xml --model coco-384x288
  shufflecam export torchscript pose.pt --weights mine.safetensors
""",
)
@click.argument("runtime", metavar="onnx|openvino|torchscript", type=click.Choice(list(SUFFIXES)))
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--model",
    metavar="NAME",
    default="shufflecam-256x192",
    show_default=True,
    help="A pose model of the list.",
)
@click.option(
    "--weights",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A checkpoint instead; --model then names only the architecture.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that exists already.")
@common_options
def command(runtime: str, file: Path, model: str, weights: Path | None, overwrite: bool, quiet: bool) -> None:
    """Write a pose network as a file that other programs run, and prove it on real people.

    The file takes any number of crops (N x 3 x height x width, float32) and gives heatmaps; what the crops
    must be, and the keypoints' names, stand in its metadata. It is kept only if no keypoint of the people
    in two photos moves by more than half a pixel.
    """
    talk = Terminal(quiet)
    exported = export_network(runtime, file, model, weights, overwrite=overwrite)
    talk.say(
        f"{file}: {exported.bytes / 1e6:.1f} MB; {counted(exported.joints, 'keypoint')} of real people "
        f"move by {exported.shift:.4f} pixels at most"
    )
