"""`shufflecam train detector`: distil a larger detector into a small person detector, without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shufflecam.cli.console import Terminal, duration
from shufflecam.cli.options.train import check_export, run_options
from shufflecam.core.words import counted
from shufflecam.train.person.start import export_weights, measure_ap50, prepared_views, start_tensors
from shufflecam.train.pictures import pictures_below


@click.command(
    epilog="""\b
Examples:
  shufflecam train detector photos/ --teacher yolov8s --out runs/person --export person.safetensors
  shufflecam train detector sports/ street/ --teacher yolov8x.pt --out runs/person --views 50000 \\
      --size 320 --val people.json:photos/ --val-every 2000
"""
)
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path(path_type=Path))
@click.option(
    "--teacher",
    required=True,
    metavar="NAME|FILE",
    help="A larger detector of the yolov8 family; it says where people are.",
)
@click.option(
    "--views",
    type=click.IntRange(1),
    default=20000,
    show_default=True,
    help="Cut from them, and kept.",
)
@click.option(
    "--size", type=click.IntRange(64, 1280), default=256, show_default=True, help="Their side in pixels."
)
@click.option(
    "--cut",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Of the views, so many show somebody cut off by the frame, as who walks into a camera's picture.",
)
@click.option(
    "--val", metavar="ANNOTATIONS:DIR", help="Measure AP50 of people from 96x96 pixels on these, at 416."
)
@click.option(
    "--epochs", type=click.FloatRange(0, min_open=True), default=8, show_default=True, help="Passes."
)
@click.option("--batch", type=click.IntRange(2), default=8, show_default=True, help="Views in a step.")
@click.option(
    "--lr", type=click.FloatRange(0, min_open=True), default=2e-3, show_default=True, help="AdamW's rate."
)
@run_options
def command(
    folders: tuple[Path, ...],
    teacher: str,
    folder: Path,
    views: int,
    size: int,
    cut: float,
    val: str | None,
    val_every: int | None,
    init: Path | None,
    device: str,
    target: Path | None,
    quiet: bool,
    **settings: Any,
) -> None:
    """Train a person detector (a yolov8n with one class) on the pictures below FOLDERs.

    No labels are needed: the teacher answers on square views of the pictures, and the student learns its
    scores, boxes and inner features. The same command goes on where it stopped. DIR gets views/, last.pt,
    history.jsonl and curve.png.
    """
    from shufflecam.engines.torch import resolve_device
    from shufflecam.pipeline.stop import stop_on_signals
    from shufflecam.train.person.run import DetectorRecipe, DetectorRun

    talk = Terminal(quiet)
    check_export(target)
    recipe = DetectorRecipe(**settings)
    pictures = pictures_below(*folders)
    measure = measure_ap50(val) if val else None
    with stop_on_signals() as stop:
        stop.begin_writing()
        data = prepared_views(
            pictures, folder, teacher, views, size, cut, recipe.seed, resolve_device(device), talk, stop
        )
        run = DetectorRun(folder, data, recipe, device=resolve_device(device), start=start_tensors(init))
        talk.say(
            f"{counted(len(data), 'view')}, {counted(run.steps, 'step')} of {recipe.batch}; "
            f"at step {run.step}"
        )
        with talk.progress("steps", run.steps, each="step", done=run.step) as meter:
            run.run(
                stop=lambda: bool(stop),
                on_step=lambda loss: meter.advance(f"loss {loss:.3f}"),
                measure=measure,
                measure_every=val_every or 0,
            )
    figures = [line["ap"] for line in run.history.lines() if "ap" in line]
    result = f"AP50 {figures[-1]:.4f} of people from 96x96 px on {val}" if figures else "not measured"
    talk.say(f"done after {duration(run.seconds)}: {result}; the run is in {folder}")
    if target is not None:
        talk.say(f"{target}: SHA-256 {export_weights(run, folders, teacher, result, target)}")
