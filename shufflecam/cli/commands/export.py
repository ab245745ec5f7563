"""`shufflecam export`: a pose network as a file for other runtimes, compared with torch before it is kept."""

from __future__ import annotations

from pathlib import Path

import click

from shufflecam.cli.console import Terminal
from shufflecam.core.errors import ShufflecamError
from shufflecam.core.words import counted
from shufflecam.jobs.export import (
    MAX_SHIFT,
    SUFFIXES,
    _check_output,
    _check_usage,
    _describe,
    _files,
    _folder_beside,
    _keep,
    _load,
    _open,
    _write,
    measure_shift,
)


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
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(
    runtime: str, file: Path, model: str, weights: Path | None, overwrite: bool, quiet: bool, debug: bool
) -> None:
    """Write a pose network as a file that other programs run, and prove it on real people.

    The file takes any number of crops (N x 3 x height x width, float32) and gives heatmaps; what the crops
    must be, and the keypoints' names, stand in its metadata. It is kept only if no keypoint of the people
    in two photos moves by more than half a pixel.
    """
    import copy

    from shufflecam.models.catalogue import pose_entry
    from shufflecam.models.prune import narrow

    talk = Terminal(quiet)
    entry = pose_entry(model)
    _check_usage(runtime, file)
    _check_output(runtime, file, overwrite)
    net, sha256 = _load(entry, weights)
    with _folder_beside(file) as folder:
        draft = Path(folder) / file.name
        _write(runtime, narrow(copy.deepcopy(net)), entry, _describe(entry, sha256), draft)
        shift, joints = measure_shift(_open(runtime, draft), net, entry)
        if not shift <= MAX_SHIFT:
            raise ShufflecamError(
                f"{file} was not written: with {runtime} a keypoint moves by {shift:.2f} pixels where "
                f"{MAX_SHIFT} are allowed; report this, or try another version of {runtime}"
            )
        _keep(runtime, draft, file)
    size = sum(path.stat().st_size for path in _files(runtime, file)) / 1e6
    talk.say(
        f"{file}: {size:.1f} MB; {counted(joints, 'keypoint')} of real people "
        f"move by {shift:.4f} pixels at most"
    )
